// Makes the namespaces of a sandbox: unshare(1) by a shell script, and what comes back from inside. Runs in the supervisor.

import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PosternError } from '../../../shared/errors.js';
import { nodeFlags } from '../../../shared/node-flags.js';
import {
  type Message,
  peekSender,
  receiveMessage,
  type Sender,
  sendMessage,
} from '../../../shared/sys/message.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { endGroup } from '../../../shared/sys/pidfd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { sessionOf } from '../../../shared/sys/process-control.js';
import { withMostProcesses } from '../../../shared/sys/rlimit.js';
import { packetSocketPair, receiveCredentials } from '../../../shared/sys/socket.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import { ClosedPrograms } from '../../host/closed-programs.js';
import { SYSTEM_PATH } from '../../host/find-program.js';
import { namespacesFailure } from '../../host/namespaces-failure.js';
import { type OwnCode, openOwnCode } from '../../host/own-code.js';
import { type InitPrograms, LOADERS_FD } from '../../launch/spec.js';
import { enteringUserNamespace, userNamespace } from '../broker/user-namespace.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';

// Starts unshare(1), whose script makes a sandbox's namespaces and starts init and launcher in them.

/** The uid and gid that own the user namespace, and the range that is mapped into it. */
export interface RangedIds {
  readonly owner: number;
  readonly base: number;
  readonly size: number;
}

interface NamespacesScript {
  /** When it resolves, this process becomes the parent of init and launcher. It rejects with PosternError `launch_failed`. */
  readonly ended: Promise<void>;
  /** What the script, init and launcher have written on stderr. */
  readonly words: () => string;
  /** The session of the script. No other process than script, init and launcher is in it, until they have said hello. */
  readonly session: number;
  readonly launcherInbox: LaunchInbox;
  readonly initInbox: LaunchInbox;
  /** Programs of the system that init can start. */
  readonly programs: InitPrograms;
  /**
   * The start has failed: ends the script, and those of init and launcher that have not said hello. Init's pid namespace, and so init, ends only
   * once this process has reaped the launcher, pid_namespaces(7).
   */
  readonly end: () => Promise<void>;
}

/** Between two looks for children that have been killed. */
const REAP_PAUSE_MS = 20;

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
    using closed = new ClosedPrograms(LOADERS_FD);
    const programs = { sleep: closed.command('sleep'), copy: closed.command('dd') };
    const stderr =
      /* protects: G13 launch: the main thread reads no socket of a sandbox that starts (fails closed) => ((ends) => ({ read: ends[0], write: ends[1] }))(packetSocketPair()) */ makePipe();
    held.push(stderr.read, stderr.write);
    const script = spawnUnshare(closed, ranged, listeners, [launcherTheirs, initTheirs, stderr.write]);
    const session = script.pid === undefined ? -1 : sessionOf(script.pid);
    let said = '';
    new Socket({ fd: stderr.read.release(), writable: false })
      .setEncoding('utf8')
      .on('data', (text: string) => {
        if (said.length < 4096) said += text;
      })
      .on('error', () => {});
    const words = (): string => said;
    const ended = endOf(script, words);
    // protects: G8 launch: a start that fails leaves no process behind, and waits for none => const end = async (): Promise<void> => {};
    const end = async (): Promise<void> => {
      script.kill('SIGKILL');
      // Node waits for the script itself.
      await ended.catch(() => {});
      while (script.pid !== undefined && endGroup(script.pid)) await delay(REAP_PAUSE_MS);
    };
    return { ended, words, session, launcherInbox, initInbox, programs, end };
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
  closed: ClosedPrograms,
  ranged: RangedIds | undefined,
  listeners: number,
  [launcher, init, stderr]: readonly [launcher: OwnedFd, init: OwnedFd, stderr: OwnedFd],
): ChildProcess {
  const code = openOwnCode();
  const opened = [code.node, code.folder];
  try {
    const inside = ranged === undefined ? userNamespace() : undefined;
    const [program, ...args] = namespacesCommand(closed, code, inside !== undefined);
    // From 7 on the numbers of the listeners are taken, so that the launcher's Node opens no descriptor there.
    const place = new OwnedFd(openSync('/dev/null', 'r'));
    opened.push(place);
    const places = Array.from({ length: listeners }, () => place);
    // They become 3, 4, 5 and 6, as the script expects, and the loaders follow.
    const given = [launcher, code.node, code.folder, init, ...closed.descriptors];
    const start = (as: SpawnOptions): ChildProcess =>
      spawn(program, args, {
        cwd: '/',
        env: { PATH: SYSTEM_PATH },
        // A session apart, without a terminal: the user's terminal sends no signal, such as Ctrl-Z's, to a start, and is not the plugin's /dev/tty.
        // protects: G18 the session of a start is not the user's => detached: false
        detached: true,
        // Neither init nor the launcher keeps the first one.
        stdio: [
          inside?.number ?? 'ignore',
          'ignore',
          // Node would make a socket. A broker that takes it can send descriptors, and the read of the main thread would close them.
          stderr.number,
          ...[...given, ...places].map((descriptor) => descriptor.number),
        ],
        ...as,
      });
    if (ranged === undefined) return start({});
    // All sandboxes count for one owner. A limit there would be one plugin's to use up; each sandbox has its own, see sandbox/launch/launch-steps.ts.
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

// The shell script that unshare(1) executes. It forks the sandbox's init and the launcher, and ends. The supervisor is their
// subreaper and becomes their parent: no helper process outlives the start.
//
// While a sandbox starts, the root of its processes is the host's, and the launcher has the mounts that it will get, with nothing covered in them yet. A broker's
// uid owns their user namespace. So each program that runs there before the new root does is closed to it (closed-programs.ts).

/**
 * The first process that is forked after unshare(CLONE_NEWPID) is pid 1. `$1` and `$2` are modules in the folder, `$3` is Node's path, `$4` its loader, and
 * the further arguments are Node's options.
 * A Node may search its libraries beside its own path, so that is the first choice. As root the sandbox's ids may not enter it, but they can use /proc/self/fd/4.
 * Links are not resolved: they may not enter the path of the folder either, but they can use /proc/self/fd/5.
 */
// SIGUSR1 is ignored until Node blocks it.
// Descriptors: 3 launch socket, 4 Node, 5 folder of postern's code, 6 init's socket; from 7 on loaders, then /dev/null, to keep the numbers.
const SCRIPT = `
init=$1 launcher=$2 node=$3 loader=$4
shift 4
trap '' USR1
[ -x "$node" ] || node=/proc/self/fd/4
run() { exec "$loader" "$node" "$@" --preserve-symlinks --preserve-symlinks-main "/proc/self/fd/5/$program" </dev/null; }
program=$init run "$@" 3<&6 6<&- &
program=$launcher run "$@" 6</dev/null &
`;

/**
 * In the user namespace of the brokers a program has all capabilities, and so may read every file of the user. Without these two, one that
 * is executed after them may not. The shell is there for that "after".
 */
const WITHOUT_READING = [
  ...['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--'],
  ...['/bin/sh', '-c', 'exec "$@"', 'sh'],
];

/** @param asUser whether it enters the user namespace of the brokers, its descriptor 0 */
function namespacesCommand(
  closed: ClosedPrograms,
  code: OwnCode,
  asUser: boolean,
): readonly [string, ...string[]] {
  const node = process.execPath;
  const [program = '', ...args] = [
    ...(asUser
      ? [
          ...enteringUserNamespace(0),
          .../* protects: G16 launch: a user's unshare(1) cannot be looked into => [] */ WITHOUT_READING,
        ]
      : []),
    ...closed.command('unshare'),
    ...[
      /* protects: G15 launch: a namespace of users of its own (fails closed) */ '--user',
      /* protects: G1 launch: a namespace of networks of its own (fails closed) */ '--net',
      /* protects: G17 launch: a namespace of processes of its own (fails closed) */ '--pid',
      /* protects: G15 launch: a namespace of mounts of its own (fails closed) */ '--mount',
      /* protects: G17 launch: a namespace of IPC of its own (fails closed) */ '--ipc',
      /* protects: G17 launch: a namespace of host names of its own (fails closed) */ '--uts',
      /* protects: G17 launch: a namespace of control groups of its own */ '--cgroup',
      '--keep-caps',
      '--',
    ],
    ...[closed.loaderOf('/bin/sh'), '/bin/sh', '-c', SCRIPT, 'postern', code.init, code.launcher],
    ...[node, closed.loaderOf(node), ...nodeFlags()],
  ];
  return [program, ...args];
}

// The supervisor's end of a socket to the launcher or to init. It returns their messages one at a time.
//
// Others can send there too. The uid of a broker owns the sandbox's user namespace, so a broker that was taken over can duplicate the other end
// (pidfd_getfd(2)), and pass it on to a plugin. The kernel says who has sent a message. A message of somebody else, or a descriptor where none is
// expected, fails the start, and nobody receives it: the close of what comes with it could wait. With the other end one can also receive what the
// supervisor sends there, and shut the socket down. Then the start fails too, at the latest when its time has passed.

export class LaunchInbox {
  readonly #socket: OwnedFd;
  readonly #watch: Watch;
  #waiting: ((message: Message | Promise<never>) => void) | undefined;
  #takesDescriptors = false;
  #session = -1;
  #sender: number | undefined;

  /** Takes ownership of the socket. Each message has its sender's host pid. */
  constructor(socket: OwnedFd) {
    receiveCredentials(socket.number);
    this.#socket = socket;
    this.#watch = new Watch(socket.number, () => this.#take());
  }

  /**
   * Waits for the first message of a process of that session. From then on that process alone is heard.
   *
   * @returns its pid on the host; undefined if the other side has ended
   */
  async hello(session: number): Promise<number | undefined> {
    this.#session = session;
    await this.#next(false);
    return this.#sender;
  }

  /** The next message. Its descriptors belong to the caller. An empty payload means that the other side has ended. @throws PosternError `launch_failed` */
  next(): Promise<Message> {
    return this.#next(true);
  }

  /** The next message as text, without descriptors. @throws PosternError `launch_failed` */
  async word(): Promise<string> {
    const { payload } = await this.#next(false);
    return new TextDecoder().decode(payload);
  }

  #next(takesDescriptors: boolean): Promise<Message> {
    return new Promise((resolve) => {
      this.#takesDescriptors = takesDescriptors;
      this.#waiting = resolve;
      this.#watch.want(READABLE);
    });
  }

  /** Waits while the socket is full: the other side is postern's own code, and reads. @returns false where it has ended */
  send(payload: Uint8Array | string, descriptors: readonly number[] = []): boolean {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    return sendMessage(this.#socket.number, bytes, descriptors, true) >= 0;
  }

  #take(): void {
    const sender = peekSender(this.#socket.number);
    const message = this.#isHeard(sender) ? receiveMessage(this.#socket.number) : refusal();
    if (typeof message === 'number') return;
    this.#watch.want(0);
    this.#waiting?.(message);
  }

  #isHeard(sender: Sender | undefined): boolean {
    // There is no message, or the end of the socket.
    if (sender === undefined) return true;
    const { pid, hasDescriptors } = sender;
    if (
      this.#sender === undefined &&
      /* protects: G16 launch: nobody else says hello for a start => true */ sessionOf(pid) === this.#session
    )
      this.#sender = pid;
    return (
      /* protects: G16 launch: what others send to the supervisor is not received => true */ pid ===
        this.#sender &&
      /* protects: G13 launch: a descriptor that nobody expects is not received => true */ (!hasDescriptors ||
        this.#takesDescriptors)
    );
  }

  close(): void {
    this.#watch.close();
    // protects: G13 launch: what others left in a socket is closed by another process => this.#socket.close();
    closeElsewhere(this.#socket);
  }
}

function refusal(): Promise<never> {
  const fields = { step: 'namespaces' };
  return Promise.reject(
    new PosternError(
      'launch_failed',
      "Cannot start the sandbox, step namespaces: its sockets have a message that is not the launcher's, which a broker that was taken over can send",
      { fix: 'replace the broker ("postern reload --broker"), and start the plugin again', fields },
    ),
  );
}
