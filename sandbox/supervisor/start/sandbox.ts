// A running sandbox, held by the pidfds of the plugin and of init. It ends as a whole: when the plugin's first process ends, init
// is killed, and the kernel ends every process of the pid namespace with it.
import { constants } from 'node:os';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { type ChildChange, signalPidfd, takeChildChange } from '../../../shared/sys/pidfd.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';
import type { NoticeInbox } from './notice-inbox.js';

const { SIGKILL } = constants.signals;

/** The end of a plugin's first process. */
export type PluginEnd = Exclude<ChildChange, { kind: 'stopped' }>;

export function describeEnd(end: PluginEnd): string {
  return end.kind === 'exited' ? `status ${end.status}` : `signal ${end.signal}`;
}

export class Sandbox {
  /** The plugin's pid on the host. */
  readonly pid: number;
  /** Resolves when every process of the sandbox is gone. */
  readonly ended: Promise<PluginEnd>;
  /** What the plugin says by its notify socket; undefined: it has none. */
  readonly notices: NoticeInbox | undefined;
  readonly #plugin: OwnedFd | undefined;
  readonly #init: OwnedFd | undefined;
  readonly #initPid: number;

  /** Takes ownership of all of them. */
  constructor(
    pid: number,
    plugin: OwnedFd | undefined,
    init: OwnedFd | undefined,
    notices?: NoticeInbox,
    initPid = 0,
  ) {
    this.pid = pid;
    this.#initPid = initPid;
    this.notices = notices;
    this.#plugin = plugin;
    this.#init = init;
    this.ended = this.#awaitEnd();
  }

  /** Of its first processes that are not waited for yet, on the host: no other process has these pids. All others of the sandbox descend from them. */
  get pids(): readonly number[] {
    return [
      ...(this.#plugin?.open === true ? [this.pid] : []),
      ...(this.#init?.open === true && this.#initPid > 0 ? [this.#initPid] : []),
    ];
  }

  /** Sends a signal to the plugin's first process. @returns false where it has ended */
  signal(signal: number): boolean {
    return this.#plugin?.open === true && signalPidfd(this.#plugin.number, signal) === 0;
  }

  /** Ends every process of the sandbox at once. */
  kill(): void {
    if (this.#init?.open === true) signalPidfd(this.#init.number, SIGKILL);
    if (this.#plugin?.open === true) signalPidfd(this.#plugin.number, SIGKILL);
  }

  /** The signal that stopped the plugin's first process since the last call (SIGTSTP and others), if any. */
  takeStop(): number | undefined {
    if (this.#plugin?.open !== true) return undefined;
    const change = takeChildChange(this.#plugin.number, 'stops');
    return change?.kind === 'stopped' ? change.signal : undefined;
  }

  async #awaitEnd(): Promise<PluginEnd> {
    const end = await reap(this.#plugin);
    if (this.#init?.open === true) signalPidfd(this.#init.number, SIGKILL);
    await reap(this.#init);
    // Not earlier: without a reader a message would end the program that sends it (SIGPIPE).
    this.notices?.close();
    return end;
  }
}

/** Kills the processes of a failed launch, and resolves when they are reaped. The pid 1 of a container may never reap them. */
export async function endSandbox(plugin: OwnedFd | undefined, init: OwnedFd | undefined): Promise<void> {
  const rest = new Sandbox(0, plugin, init);
  rest.kill();
  await rest.ended;
}

/** Waits for a child's end without a thread, until its pidfd becomes readable. Closes the pidfd. */
function reap(pidfd: OwnedFd | undefined): Promise<PluginEnd> {
  if (pidfd === undefined) return Promise.resolve({ kind: 'exited', status: 125 });
  return new Promise((resolve) => {
    const watch = new Watch(pidfd.number, () => {
      const change = takeChildChange(pidfd.number, 'ends');
      watch.close();
      pidfd.close();
      resolve(
        change === undefined || change.kind === 'stopped' ? { kind: 'killed', signal: SIGKILL } : change,
      );
    });
    watch.want(READABLE);
  });
}
