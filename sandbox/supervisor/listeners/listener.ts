// One socket that the supervisor binds for a plugin: bound, kept over restarts, and accepting once the plugin does. Runs in the supervisor.

import { type BigIntStats, fstatSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import type { ListenAddress } from '../../../shared/config/listen-address.js';

import { PosternError } from '../../../shared/errors.js';
import { addressFromBytes } from '../../../shared/policy/address.js';
import { quote } from '../../../shared/policy/quote.js';
import { duplicate, setNonBlocking } from '../../../shared/sys/fcntl.js';
import { lookAtMessage } from '../../../shared/sys/message.js';
import { openAt } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { encodeSockaddr, encodeSocketPath } from '../../../shared/sys/sockaddr.js';
import {
  bindTo,
  boundAddress,
  connectToPath,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  isFiltered,
  isListening,
  isShutForReading,
  listenOn,
  readableNow,
  SO_LINGER,
  SOL_SOCKET,
  setOption,
  shutDown,
  tcpSocket,
  unixSocket,
} from '../../../shared/sys/socket.js';
import type { HostFiles } from '../files/host-files.js';
import { closeElsewhere } from '../orders/close-elsewhere.js';
import { fileAt, listenFailure, removeStaleSocket, SocketPlace, showListenAddress } from './socket-place.js';

/** How often postern looks whether a plugin has accepted its connection. */
const ACCEPT_LOOK_MS = 20;
/** Callers that wait in the queue of a listener. The kernel takes at most net.core.somaxconn, listen(2). */
const LISTEN_BACKLOG = 4096;

// A plugin's listening socket. The supervisor keeps it while the plugin restarts, so that clients wait in its queue and are
// not refused. The plugin shares the socket and may have spoiled it, so it is checked before each start.

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
  #hadRun = false;
  #isSuspect = false;

  /**
   * @param host without the links that a plugin could have made
   * @param held returns the socket that the service manager holds for an address
   * @throws PosternError `listen_address`
   */
  constructor(name: string, address: ListenAddress, host: HostFiles, held: Held = () => undefined) {
    this.name = name;
    this.#place = address.kind === 'unix' ? new SocketPlace(name, address, host) : undefined;
    try {
      const where = this.#place ?? (address as TcpAddress);
      this.#bound = adoptListener(name, where, held) ?? bindListener(name, where);
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
      if (this.#bound.isHeld) throw spoiltFailure(this.name, this.#bound.address, fault);
      this.#end();
      this.#bound = bindListener(this.name, this.#place ?? (this.#bound.address as TcpAddress));
      this.#hadRun = false;
      this.#isSuspect = false;
      return fault;
    }
    this.#resetOptions();
    listenOn(this.#bound.socket.number, LISTEN_BACKLOG);
    return undefined;
  }

  /** Whether a run of the plugin may have left descriptors in its queue, in messages to the plugin's next run (SCM_RIGHTS). */
  get mayHoldDescriptors(): boolean {
    return this.#hadRun && this.path !== undefined;
  }

  /** Its plugin was ended, perhaps for a connection that hides in the queue. The next start drops what waits there. */
  suspect(): void {
    this.#isSuspect = this.path !== undefined;
  }

  /** Whether a client waits in its queue. */
  get hasClients(): boolean {
    return this.#bound.socket.open && readableNow(this.#bound.socket.number) === 'readable';
  }

  /** What net.connect() takes to reach it from this host. */
  get reachedAt(): { readonly path: string } | { readonly host: string; readonly port: number } {
    const { address, file } = this.#bound;
    // protects: G14 postern connects to the socket file that it made, whatever lies at its path
    if (file !== undefined) return { path: `/proc/self/fd/${file.handle.number}` };
    if (address.kind === 'unix') return { path: address.path };
    const { family, text } = addressFromBytes(address.bytes);
    const isAny = address.bytes.every((byte) => byte === 0);
    return { host: isAny ? (family === 4 ? '127.0.0.1' : '::1') : text, port: address.port };
  }

  /** A duplicate for the plugin that is about to start. It is blocking, as those of systemd. */
  pass(): OwnedFd {
    this.#hadRun = true;
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
    if (this.#bound.isHeld) {
      // The manager goes on with it.
      this.#resetOptions();
      socket.close();
      this.#bound.file?.handle.close();
      return;
    }
    // While the socket is open, no other file can get its inode number.
    if (this.#place !== undefined && this.#isMade(this.#place.file())) removeFile(this.#place);
    // The plugin may have passed it on. A port that somebody still holds can be bound anew if both sockets have SO_REUSEADDR, and neither listens.
    this.#resetOptions();
    // protects: G12 listener: its end is the end for all who hold it
    shutDown(socket.number);
    // protects: G13 what clients left in the queue of a listener is closed by another process => socket.close();
    closeElsewhere(socket);
    this.#bound.file?.handle.close();
  }

  #resetOptions(): void {
    const options = this.path === undefined ? [...OPTIONS, ...TCP_OPTIONS] : OPTIONS;
    // protects: G12 listener: what a plugin set is set back
    for (const [level, name, value] of options) setOption(this.#bound.socket.number, level, name, value);
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
    // protects: G22 a listener whose plugin was ended is bound anew
    if (this.#isSuspect) return 'may hold a connection that must end';
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

// Binds one listener in the host's network namespace. Runs in the supervisor; trusts the configuration, not what it finds.

type TcpAddress = ListenAddress & { readonly kind: 'tcp' };

const { EADDRINUSE, ELOOP } = constants.errno;
const SO_REUSEADDR = 2;

type Held = (address: ListenAddress) => OwnedFd | undefined;

interface BoundListener {
  readonly socket: OwnedFd;
  /** The service manager holds it too: it outlives postern, and nobody else can bind its address. */
  readonly isHeld?: true;
  /** The bound address: with the port that the kernel picked, or the path with the links of its folder resolved. */
  readonly address: ListenAddress;
  /** The socket file that was made, with a handle of it (O_PATH). */
  readonly file?: Pick<BigIntStats, 'dev' | 'ino'> & { readonly handle: OwnedFd };
}

/**
 * @param name the listener's name, for the error
 * @param where an address, or the place of a socket file
 * @throws PosternError `listen_address`, with the fix; nothing is left bound
 */
function bindListener(name: string, where: TcpAddress | SocketPlace): BoundListener {
  return where instanceof SocketPlace ? bindUnix(name, where) : bindTcp(name, where);
}

/**
 * @returns undefined where the service manager holds none for that address
 * @throws PosternError `listen_address` where a plugin of a former postern has spoilt it
 */
function adoptListener(name: string, where: TcpAddress | SocketPlace, held: Held): BoundListener | undefined {
  const address: ListenAddress = where instanceof SocketPlace ? { kind: 'unix', path: where.path } : where;
  const socket = held(address);
  if (socket === undefined) return undefined;
  // protects: G12 a held listener that a plugin has spoilt is not passed on
  if (isFiltered(socket.number) || isShutForReading(socket.number)) {
    socket.close();
    throw spoiltFailure(name, address, 'has a packet filter, or was shut down');
  }
  if (!(where instanceof SocketPlace)) return { socket, address, isHeld: true };
  const handle = openAt(undefined, where.entry);
  const made = typeof handle === 'number' ? undefined : fstatSync(handle.number, { bigint: true });
  if (typeof handle === 'number' || made === undefined) {
    socket.close();
    throw spoiltFailure(name, address, 'is no longer at its path');
  }
  return { socket, address, isHeld: true, file: { dev: made.dev, ino: made.ino, handle } };
}

/** postern cannot bind it anew: the manager still has it. */
function spoiltFailure(name: string, address: ListenAddress, fault: string): PosternError {
  const text = `Cannot listen on ${quote(showListenAddress(address))} for "${name}": the socket of the service manager ${fault}`;
  return new PosternError('listen_address', text, {
    fix: 'start its socket unit anew: systemctl restart NAME.socket',
    fields: { listener: name },
  });
}

function bindTcp(name: string, address: TcpAddress): BoundListener {
  const socket = tcpSocket(address.bytes.length === 4 ? 4 : 6);
  if (typeof socket === 'number') throw listenFailure(name, address, -socket);
  // Without it a port could not be bound again while its last connections linger (TIME_WAIT).
  setOption(socket.number, SOL_SOCKET, SO_REUSEADDR, 1);
  // [::] means IPv6 alone, whatever net.ipv6.bindv6only says: it can stand beside 0.0.0.0.
  if (address.bytes.length === 16) setOption(socket.number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  let result = bindTo(socket.number, encodeSockaddr(address));
  if (result === 0) result = listenOn(socket.number, LISTEN_BACKLOG);
  if (result < 0) {
    socket.close();
    throw listenFailure(name, address, -result);
  }
  return { socket, address: { ...address, port: boundAddress(socket.number)?.port ?? address.port } };
}

function bindUnix(name: string, place: SocketPlace): BoundListener {
  const address: ListenAddress = { kind: 'unix', path: place.path };
  // bind(2) follows links, and the socket keeps the path that it was bound by: clients and the plugin read it.
  // protects: G14 a listener is bound anew through no link (as root)
  place.reopen(name);
  const socket = unixSocket('stream');
  if (typeof socket === 'number') throw listenFailure(name, address, -socket);
  const path = encodeSocketPath(place.path);
  let result = bindTo(socket.number, path);
  if (result === -EADDRINUSE && removeStaleSocket(place)) result = bindTo(socket.number, path);
  if (result < 0) {
    socket.close();
    throw listenFailure(name, address, -result);
  }
  const handle = openAt(undefined, place.entry);
  const made = typeof handle === 'number' ? undefined : fstatSync(handle.number, { bigint: true });
  // If somebody put a link on the way in this moment, the file is elsewhere.
  const found = fileAt(place.path);
  if (
    typeof handle === 'number' ||
    found === undefined ||
    found.dev !== made?.dev ||
    found.ino !== made.ino
  ) {
    socket.close();
    if (typeof handle !== 'number') handle.close();
    throw listenFailure(name, address, ELOOP);
  }
  listenOn(socket.number, LISTEN_BACKLOG);
  return { socket, address, file: { dev: made.dev, ino: made.ino, handle } };
}

// Finds out when a plugin accepts connections on a listener. The listener itself is bound before the plugin starts, and takes clients into its
// queue. So postern becomes a client, and looks whether the queue gets empty.

/**
 * Resolves when the plugin has accepted a connection, which is closed at once.
 *
 * @param over ends the wait
 */
export function awaitAccept(
  listener: Pick<Listener, 'reachedAt' | 'hasClients'>,
  over: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    let client: Client | UnixClient | undefined;
    const finish = (): void => {
      clearInterval(timer);
      client?.close();
      resolve();
    };
    const timer = setInterval(() => {
      if (client === undefined || client.state === 'failed') client = makeClient(listener.reachedAt);
      else if (client.state === 'answered' || (client.state === 'connected' && !listener.hasClients))
        finish();
    }, ACCEPT_LOOK_MS);
    over.addEventListener('abort', finish, { once: true });
  });
}

function makeClient(at: Listener['reachedAt']): Client | UnixClient {
  return 'path' in at ? new UnixClient(at.path) : new Client(connect(at));
}

/** It reads nothing: the plugin can send descriptors, and a read would close them. */
class UnixClient {
  readonly #socket = unixSocket('stream');
  readonly #isConnected: boolean;

  constructor(path: string) {
    this.#isConnected = typeof this.#socket !== 'number' && connectToPath(this.#socket.number, path) === 0;
    if (!this.#isConnected) this.close();
  }

  get state(): 'connected' | 'answered' | 'failed' {
    if (typeof this.#socket === 'number' || !this.#isConnected) return 'failed';
    return lookAtMessage(this.#socket.number) === 'nothing' ? 'connected' : 'answered';
  }

  close(): void {
    // protects: G13 what a plugin answers to a look at its listener is closed by another process => if (typeof this.#socket !== 'number') this.#socket.close();
    if (typeof this.#socket !== 'number') closeElsewhere(this.#socket);
  }
}

class Client {
  readonly #socket: Socket;
  /** `answered`: the plugin sent something, or closed the connection. So it had accepted it. */
  state: 'connecting' | 'connected' | 'answered' | 'failed' = 'connecting';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.once('connect', () => {
      this.state = 'connected';
    });
    socket.once('data', () => this.close('answered'));
    socket.once('end', () => this.close('answered'));
    socket.on('error', () => this.close('failed'));
  }

  close(state = this.state): void {
    this.state = state;
    this.#socket.destroy();
  }
}
