// A plugin's listening socket. The supervisor keeps it while the plugin restarts, so that clients wait in its queue and are
// not refused. The plugin shares the socket and may have spoiled it, so it is checked before each start.
import type { BigIntStats } from 'node:fs';
import type { ListenAddress } from '../../../shared/config/listen-address.js';
import { LISTEN_BACKLOG } from '../../../shared/limits.js';
import { addressFromBytes } from '../../../shared/policy/address.js';
import { duplicate, setNonBlocking } from '../../../shared/sys/fcntl.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import {
  IPPROTO_TCP,
  isFiltered,
  isListening,
  isShutForReading,
  listenOn,
  readableNow,
  SO_LINGER,
  SOL_SOCKET,
  setOption,
} from '../../../shared/sys/socket.js';
import type { HostFiles } from '../files/host-files.js';
import { type BoundListener, bindListener, type TcpAddress } from './bind-listener.js';
import { showListenAddress } from './show-listen-address.js';
import { fileAt, SocketPlace } from './socket-place.js';

const TIMEVAL_BYTES = 16;
const LINGER_BYTES = 8;
/**
 * Options that a plugin may set and the next start must not find. They change when accept(2) answers, how the accepted sockets close, and
 * who may share the port.
 */
const OPTIONS: readonly (readonly [level: number, name: number, value: number | Uint8Array])[] = [
  // protects: G12 the next start undoes a listener's reset at close
  [SOL_SOCKET, SO_LINGER, new Uint8Array(LINGER_BYTES)], // The accepted sockets inherit it.
  [SOL_SOCKET, 18, 1], // SO_RCVLOWAT
  [SOL_SOCKET, 20, new Uint8Array(TIMEVAL_BYTES)], // SO_RCVTIMEO
];
const TCP_OPTIONS: typeof OPTIONS = [
  [SOL_SOCKET, 2, 1], // SO_REUSEADDR
  [SOL_SOCKET, 15, 0], // SO_REUSEPORT
  [IPPROTO_TCP, 9, 0], // TCP_DEFER_ACCEPT
];

export class Listener {
  /** In LISTEN_FDNAMES. */
  name: string;
  readonly #place: SocketPlace | undefined;
  #bound: BoundListener;

  /** @param host without the links that a plugin could have made @throws PosternError `listen_address` */
  constructor(name: string, address: ListenAddress, host: HostFiles) {
    this.name = name;
    this.#place = address.kind === 'unix' ? new SocketPlace(name, address, host) : undefined;
    try {
      this.#bound = bindListener(name, this.#place ?? (address as TcpAddress));
    } catch (error) {
      this.#place?.close();
      throw error;
    }
  }

  /** The bound address, as a client would write it. */
  get address(): string {
    return showListenAddress(this.#bound.address);
  }

  /** The path of the socket file, if it has one. */
  get path(): string | undefined {
    return this.#place?.path;
  }

  /**
   * Prepares it for another start, as it was at first. The clients in its queue stay.
   *
   * @returns the fault of a listener that had to be bound anew, which cuts off the waiting clients
   * @throws PosternError `listen_address` where it could not be bound; the next start tries again
   */
  renew(): string | undefined {
    const fault = this.#fault();
    if (fault !== undefined) {
      this.#end();
      this.#bound = bindListener(this.name, this.#place ?? (this.#bound.address as TcpAddress));
      return fault;
    }
    const fd = this.#bound.socket.number;
    const options = this.path === undefined ? [...OPTIONS, ...TCP_OPTIONS] : OPTIONS;
    // protects: G12 listener: what a plugin set is set back
    for (const [level, name, value] of options) setOption(fd, level, name, value);
    listenOn(fd, LISTEN_BACKLOG);
    return undefined;
  }

  /** Whether a client waits in its queue. */
  get hasClients(): boolean {
    return this.#bound.socket.open && readableNow(this.#bound.socket.number) === 'readable';
  }

  /** What net.connect() takes to reach it from this host. */
  get reachedAt(): { readonly path: string } | { readonly host: string; readonly port: number } {
    const { address } = this.#bound;
    if (address.kind === 'unix') return { path: address.path };
    const { family, text } = addressFromBytes(address.bytes);
    const isAny = address.bytes.every((byte) => byte === 0);
    return { host: isAny ? (family === 4 ? '127.0.0.1' : '::1') : text, port: address.port };
  }

  /** A duplicate for the plugin that is about to start. It is blocking, as those of systemd. */
  pass(): OwnedFd {
    const passed = duplicate(this.#bound.socket.number);
    setNonBlocking(passed.number, false);
    return passed;
  }

  /** Closes it for good, and removes the socket file if it is still the same file. */
  close(): void {
    this.#end();
    this.#place?.close();
  }

  #end(): void {
    const { socket } = this.#bound;
    if (!socket.open) return;
    // While the socket is open, no other file can get its inode number.
    if (this.#place !== undefined && this.#isMade(this.#place.file())) removeFile(this.#place);
    socket.close();
  }

  #fault(): string | undefined {
    const { socket } = this.#bound;
    if (!socket.open) return 'could not be bound before';
    // After shutdown(2) a TCP socket no longer listens. An AF_UNIX socket still does, but refuses its clients.
    // protects: G12 listener: one that was shut down is bound anew
    if (!isListening(socket.number) || isShutForReading(socket.number)) return 'had been shut down';
    // protects: G12 listener: one that has a filter is bound anew
    if (isFiltered(socket.number)) return 'had a packet filter';
    if (this.path !== undefined && !this.#isMade(fileAt(this.path))) return 'was no longer at its path';
    return undefined;
  }

  #isMade(found: BigIntStats | undefined): boolean {
    const { file } = this.#bound;
    return found !== undefined && found.ino === file?.ino && found.dev === file.dev;
  }
}

function removeFile(place: SocketPlace): void {
  try {
    place.remove();
  } catch {
    // In a folder that is read-only by now the file stays. The next supervisor replaces it as a stale one.
  }
}
