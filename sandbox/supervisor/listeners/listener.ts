// A listening socket of a plugin's, which the supervisor keeps while the plugin comes and goes, so that callers wait in
// its queue and none is refused. The plugin shares it, and may have spoiled it: it is looked at before each start.
import { lstatSync, unlinkSync } from 'node:fs';
import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { LISTEN_BACKLOG } from '../../../shared/limits.js';
import { duplicate, setNonBlocking } from '../../../shared/sys/fcntl.js';
import { listenOn } from '../../../shared/sys/listen.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { isFiltered, isListening, isShutForReading } from '../../../shared/sys/socket.js';
import { IPPROTO_TCP, SOL_SOCKET } from '../../../shared/sys/socket-constants.js';
import { setOption } from '../../../shared/sys/socket-option.js';
import { type BoundListener, bindListener } from './bind-listener.js';
import { showListenAddress } from './show-listen-address.js';

const TIMEVAL_BYTES = 16;
/** What a plugin may set and the next start shall not find: when accept(2) answers, and who else may have the port. */
const OPTIONS: readonly (readonly [level: number, name: number, value: number | Uint8Array])[] = [
  [SOL_SOCKET, 18, 1], // SO_RCVLOWAT
  [SOL_SOCKET, 20, new Uint8Array(TIMEVAL_BYTES)], // SO_RCVTIMEO
];
const TCP_OPTIONS: typeof OPTIONS = [
  [SOL_SOCKET, 2, 1], // SO_REUSEADDR
  [SOL_SOCKET, 15, 0], // SO_REUSEPORT
  [IPPROTO_TCP, 9, 0], // TCP_DEFER_ACCEPT
];

export class Listener {
  readonly name: string;
  #bound: BoundListener;

  /** @throws PosternError `listen_address` */
  constructor(name: string, address: ListenAddress) {
    this.name = name;
    this.#bound = bindListener(name, address);
  }

  /** Where it is bound, as a client would write it. */
  get address(): string {
    return showListenAddress(this.#bound.address);
  }

  /** The socket file's path, where it has one. */
  get path(): string | undefined {
    return this.#bound.address.kind === 'unix' ? this.#bound.address.path : undefined;
  }

  /**
   * Makes it fit for another start: as it was at first, but for who waits in its queue.
   *
   * @returns what was wrong with it where it had to be bound anew, which cuts off who waited
   * @throws PosternError `listen_address` where it could not be; it is tried again at the next start
   */
  renew(): string | undefined {
    const fault = this.#fault();
    if (fault !== undefined) {
      this.close();
      this.#bound = bindListener(this.name, this.#bound.address);
      return fault;
    }
    const fd = this.#bound.socket.number;
    const options = this.path === undefined ? [...OPTIONS, ...TCP_OPTIONS] : OPTIONS;
    for (const [level, name, value] of options) setOption(fd, level, name, value);
    listenOn(fd, LISTEN_BACKLOG);
    return undefined;
  }

  /** Another descriptor of it, blocking as systemd passes one, for the plugin that is about to start. */
  pass(): OwnedFd {
    const passed = duplicate(this.#bound.socket.number);
    setNonBlocking(passed.number, false);
    return passed;
  }

  /** Closes it, and removes the socket file if it is still the one that was made. */
  close(): void {
    const { socket } = this.#bound;
    if (!socket.open) return;
    // Before the socket is closed: it keeps the number of its file from being another's.
    if (this.#hasFile()) removeFile(this.path ?? '');
    socket.close();
  }

  #fault(): string | undefined {
    const { socket } = this.#bound;
    if (!socket.open) return 'could not be bound before';
    // TCP leaves the state by shutdown(2); AF_UNIX keeps it, and refuses its callers.
    if (!isListening(socket.number) || isShutForReading(socket.number)) return 'had been shut down';
    if (isFiltered(socket.number)) return 'had got a packet filter';
    if (this.path !== undefined && !this.#hasFile()) return 'was no longer at its path';
    return undefined;
  }

  #hasFile(): boolean {
    const { file } = this.#bound;
    if (this.path === undefined || file === undefined) return false;
    try {
      const found = lstatSync(this.path, { bigint: true });
      return found.ino === file.ino && found.dev === file.dev;
    } catch {
      return false; // Its folder is gone, or closed to this user.
    }
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // A folder that may no longer be written to keeps it; the next supervisor takes its place as a stale one.
  }
}
