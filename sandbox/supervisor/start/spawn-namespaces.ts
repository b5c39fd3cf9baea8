// Starts unshare(1), whose script makes a sandbox's namespaces and starts init and launcher in them. Runs in the supervisor.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { withMostProcesses } from '../../../shared/sys/rlimit.js';
import { packetSocketPair } from '../../../shared/sys/socket.js';
import { namespacesFailure } from '../../host/namespaces-failure.js';
import { openOwnCode } from '../../host/own-code.js';
import { SYSTEM_PATH } from '../../host/system-path.js';
import { LaunchInbox } from './launch-inbox.js';
import { namespacesArguments } from './namespaces-script.js';

/** The uid and gid that own the user namespace, and the range that is mapped into it. */
export interface RangedIds {
  readonly owner: number;
  readonly base: number;
  readonly size: number;
}

export interface NamespacesScript {
  /** When it resolves, this process becomes the parent of init and launcher. It rejects with PosternError `launch_failed`. */
  readonly ended: Promise<void>;
  /** What the script, init and launcher have written on stderr. */
  readonly words: () => string;
  readonly launcherInbox: LaunchInbox;
  readonly initInbox: LaunchInbox;
}

/**
 * @param ranged undefined for a user
 * @param listeners how many the plugin gets
 */
export function spawnNamespaces(ranged: RangedIds | undefined, listeners: number): NamespacesScript {
  const held: OwnedFd[] = [];
  const inboxes: LaunchInbox[] = [];
  try {
    const [launcherInbox, launcherTheirs] = makeInbox();
    inboxes.push(launcherInbox);
    held.push(launcherTheirs);
    const [initInbox, initTheirs] = makeInbox();
    inboxes.push(initInbox);
    held.push(initTheirs);
    const script = spawnUnshare(ranged, listeners, launcherTheirs, initTheirs);
    let said = '';
    script.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 4096) said += text;
    });
    const words = (): string => said;
    return { ended: endOf(script, words), words, launcherInbox, initInbox };
  } catch (error) {
    for (const inbox of inboxes) inbox.close();
    throw error;
  } finally {
    for (const descriptor of held) descriptor.close();
  }
}

/** The inbox is set up before a process can send: a message to a socket without SO_PASSCRED has pid 0. */
function makeInbox(): readonly [LaunchInbox, OwnedFd] {
  const [ours, theirs] = packetSocketPair();
  return [new LaunchInbox(ours), theirs];
}

function spawnUnshare(
  ranged: RangedIds | undefined,
  listeners: number,
  launcher: OwnedFd,
  init: OwnedFd,
): ChildProcess {
  const code = openOwnCode();
  const opened = [code.node, code.folder];
  try {
    // From 7 on the numbers of the listeners are taken, so that the launcher's Node opens no descriptor there.
    const place = new OwnedFd(openSync('/dev/null', 'r'));
    opened.push(place);
    const places = Array.from({ length: listeners }, () => place);
    // They become 3, 4, 5 and 6, as the script expects.
    const given = [launcher, code.node, code.folder, init];
    const start = (as: SpawnOptions): ChildProcess =>
      spawn('unshare', [...namespacesArguments(code)], {
        cwd: '/',
        env: { PATH: SYSTEM_PATH },
        // A session apart, without a terminal: the user's terminal sends no signal, such as Ctrl-Z's, to a start, and is not the plugin's /dev/tty.
        // protects: G18 the session of a start is not the user's => detached: false
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', ...[...given, ...places].map((descriptor) => descriptor.number)],
        ...as,
      });
    if (ranged === undefined) return start({});
    // All sandboxes count for one owner. A limit there would be one plugin's to use up; each sandbox has its own, see set-limits.ts.
    return /* protects: G8 limits: the processes of a plugin leave its neighbours room for some (as root) => ((withMostProcesses) => $&)((start) => start()) */ withMostProcesses(
      () => start({ uid: ranged.owner, gid: ranged.owner }),
    );
  } finally {
    for (const descriptor of opened) descriptor.close();
  }
}

function endOf(script: ChildProcess, words: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    script.once('error', (error) => reject(namespacesFailure(error.message)));
    script.once('exit', (status) => {
      if (status === 0) resolve();
      else setImmediate(() => reject(namespacesFailure(words())));
    });
  });
}
