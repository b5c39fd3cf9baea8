// Sockets: constants, options, names, and the calls of socket(7). Runs in every process of postern.

import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { setNonBlocking } from './fcntl.js';
import { LAYOUT } from './layout.js';
import { bind, ioctl, type NativeCall, SystemError, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  decodeSockaddr,
  type Endpoint,
  encodeSockaddrInto,
  encodeSocketPath,
  isSameEndpoint,
  SOCKADDR_BYTES,
} from './sockaddr.js';

// socket(2), connect(2), getpeername(2), shutdown(2), poll(2) and socketpair(2), and what a socket is. Runs in broker and supervisor.

const { ECONNREFUSED, EINPROGRESS } = system.errno;
const SO_ERROR = 4;
const SO_TYPE = 3;
const SO_SNDBUF = 7;
const SO_PASSCRED = 16;
const SO_ACCEPTCONN = 30;
const SO_ATTACH_FILTER = 26;
const SO_LOCK_FILTER = 44;
const SHUT_WR = 1;
const SHUT_RDWR = 2;
const IP_BIND_ADDRESS_NO_PORT = 24;
export const SIOCOUTQ = 0x5411;
const POLLIN = 1;
const POLLOUT = 4;
const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;
const POLLFD = LAYOUT['struct pollfd'];

const getpeername = bind('int getpeername(int fd, void *address, void *length)');
const shutdown = bind('int shutdown(int fd, int how)');
const socketpair = bind('int socketpair(int domain, int type, int protocol, void *fds)');
const poll = bind('int poll(void *fds, ulong count, int timeout)');

// SAFETY: lent to one call at a time, on the main thread.
const peer = new Uint8Array(SOCKADDR_BYTES);
const length = new Uint32Array(1);
const lengthBytes = new Uint8Array(length.buffer);
const value = new Int32Array(1);
const valueBytes = new Uint8Array(value.buffer);

/** A TCP socket, non-blocking and close-on-exec. @returns the socket, or minus errno (EMFILE, EAFNOSUPPORT, …) */
export function tcpSocket(family: 4 | 6): OwnedFd | number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const result = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | constants.O_NONBLOCK, 0);
  return result < 0 ? result : new OwnedFd(result);
}

const ON = new Uint8Array(new Int32Array([1]).buffer);

/** bind(2) to an address leaves the port to connect(2), ip(7): many sockets may have the same port to different peers. */
export function leavePortOpen(fd: number): void {
  writeOption(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, ON);
}

/** The types of AF_UNIX sockets that connect. */
export type UnixSocketType = 'stream' | 'seqpacket';

/** An AF_UNIX socket, non-blocking and close-on-exec. @returns the socket, or minus errno */
export function unixSocket(type: UnixSocketType): OwnedFd | number {
  const kind = type === 'stream' ? SOCK_STREAM : SOCK_SEQPACKET;
  const result = socket(AF_UNIX, kind | SOCK_CLOEXEC | constants.O_NONBLOCK, 0);
  return result < 0 ? result : new OwnedFd(result);
}

/** Lent to one call at a time. */
const destination = new Uint8Array(SOCKADDR_BYTES);

/** A struct sockaddr_in of AF_UNSPEC, which dissolves a connection: connect(2). */
const NO_PEER = new Uint8Array(16);

/** Starts a connection. */
export interface Dialer {
  /** The address of its socket, from the start of the connect on. */
  own: Endpoint | undefined;
}

/**
 * Starts a connection of a new socket.
 *
 * If nobody listens at a port of this host that the kernel may also pick for the socket itself (ip_local_port_range), TCP connects the
 * socket to itself: a simultaneous open, RFC 9293 section 3.5. It would hold the host's port. That is ECONNREFUSED here. The socket gives
 * the port up at once, by a reset: after an orderly close the port would stay taken for a minute (TIME_WAIT).
 *
 * @param dialer learns the socket's own address
 * @returns 0 if it is made, or minus errno: EINPROGRESS if it is under way
 */
export function startConnect(fd: number, endpoint: Endpoint, dialer?: Dialer): number {
  const result = connect(fd, destination, encodeSockaddrInto(destination, endpoint));
  if (result !== 0 && result !== -EINPROGRESS) return result;
  // The kernel has picked the socket's own address by now, also while the attempt is under way.
  const own = boundAddress(fd);
  if (dialer !== undefined) dialer.own = own;
  if (
    /* protects: G3 connect: no socket is connected to itself => true */ own === undefined ||
    !isSameEndpoint(own, endpoint)
  )
    return result;
  // protects: G3 a socket that was connected to itself gives the port up at once
  connect(fd, NO_PEER, NO_PEER.length);
  return -ECONNREFUSED;
}

/** Connects to the socket at a path. @returns 0, or minus errno: ECONNREFUSED if nobody listens, EAGAIN if the queue is full */
export function connectToPath(fd: number, path: string): number {
  const address = encodeSocketPath(path);
  return connect(fd, address, address.length);
}

/** Returns the pending error of a socket as minus errno, and clears it. 0: there is no error. */
export function takeSocketError(fd: number): number {
  const value = readIntOption(fd, SOL_SOCKET, SO_ERROR);
  return value <= 0 ? value : -value;
}

/** Whether a socket listens. */
export function isListening(fd: number): boolean {
  return readIntOption(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1;
}

/** Whether a filter program sees the packets of a socket first (SO_ATTACH_FILTER, SO_ATTACH_BPF), or the filter is locked. */
export function isFiltered(fd: number): boolean {
  // SO_GET_FILTER has the number of SO_ATTACH_FILTER. It returns the length of the program: 0 for none, an error for eBPF.
  length[0] = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, null, lengthBytes) < 0) return true;
  return length[0] > 0 || readIntOption(fd, SOL_SOCKET, SO_LOCK_FILTER) !== 0;
}

/** Address family and type of a socket; undefined if the descriptor is no socket. */
export function socketKind(fd: number): { readonly family: number; readonly type: number } | undefined {
  const family = readIntOption(fd, SOL_SOCKET, SO_DOMAIN);
  if (family < 0) return undefined;
  return { family, type: readIntOption(fd, SOL_SOCKET, SO_TYPE) };
}

/** The peer of an inet socket; undefined if it is not connected or has another family. */
export function peerOf(fd: number): Endpoint | undefined {
  length[0] = SOCKADDR_BYTES;
  if (getpeername(fd, peer, lengthBytes) < 0) return undefined;
  return decodeSockaddr(peer, length[0]);
}

const pollEntry = new DataView(new ArrayBuffer(POLLFD.size));
const pollEntryBytes = new Uint8Array(pollEntry.buffer);

/** poll(2) of one descriptor, which never waits. @returns the events that are there, errors and hang-ups included; 0 for none */
function pollNow(fd: number, events: number): number {
  pollEntry.setInt32(0, fd, true);
  pollEntry.setInt16(POLLFD.events, events, true);
  pollEntry.setInt16(POLLFD.revents, 0, true);
  return poll(pollEntryBytes, 1, 0) === 1 ? pollEntry.getInt16(POLLFD.revents, true) : 0;
}

/** Whether a write would not block now. For a connecting socket: whether the attempt has ended. */
export function writableNow(fd: number): boolean {
  return pollNow(fd, POLLOUT) !== 0;
}

/** Whether reading has ended for good, by the peer or by a shutdown(2) of any holder. */
export function isShutForReading(fd: number): boolean {
  return (pollNow(fd, POLLRDHUP) & (POLLRDHUP | POLLHUP)) !== 0;
}

/** Whether a descriptor can be read now, or will never have anything to read again. */
export function readableNow(fd: number): 'readable' | 'ended' | 'idle' {
  const ready = pollNow(fd, POLLIN);
  if ((ready & POLLIN) !== 0) return 'readable';
  return (ready & POLLHUP) !== 0 ? 'ended' : 'idle';
}

/** Whether both directions have ended: the other side has closed its end. */
export function isHungUp(fd: number): boolean {
  return (pollNow(fd, 0) & POLLHUP) !== 0;
}

/**
 * SIOCOUTQ, unix(7): the memory that the kernel counts for what was sent and not received, more than its bytes. 0 once no process has the
 * other end.
 */
export function unreadBytes(fd: number): number {
  succeed(ioctl(fd, SIOCOUTQ, valueBytes), 'ioctl SIOCOUTQ');
  return value[0] ?? 0;
}

/** Ends a socket in both directions for every holder of either end. */
export function shutDown(fd: number): void {
  shutdown(fd, SHUT_RDWR);
}

/** Tells the peer that nothing more comes. */
export function endWriting(fd: number): void {
  shutdown(fd, SHUT_WR);
}

/** A connected pair of AF_UNIX SOCK_SEQPACKET sockets, close-on-exec, unix(7). */
export function packetSocketPair(): readonly [OwnedFd, OwnedFd] {
  return socketPair(SOCK_SEQPACKET);
}

/** A connected pair of AF_UNIX SOCK_STREAM sockets, close-on-exec, unix(7). */
export function streamSocketPair(): readonly [OwnedFd, OwnedFd] {
  return socketPair(SOCK_STREAM);
}

function socketPair(type: number): readonly [OwnedFd, OwnedFd] {
  const fds = new Int32Array(2);
  succeed(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, new Uint8Array(fds.buffer)), 'socketpair');
  return [new OwnedFd(fds[0] ?? -1), new OwnedFd(fds[1] ?? -1)];
}

/** SO_SNDBUF, socket(7). The kernel doubles the value for its own use. */
export function setSendBuffer(fd: number, bytes: number): void {
  setOption(fd, SOL_SOCKET, SO_SNDBUF, bytes);
}

/** From now on each message that is received here has its sender's pid, uid and gid (SCM_CREDENTIALS). */
export function receiveCredentials(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_PASSCRED, 1);
}

// Constants of socket(2), socket(7) and send(2) that several files use. Linux gives them the same numbers on x86-64 and arm64.

export const AF_NETLINK = 16;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
/** A reliable datagram, which no family of a plugin has. */
export const SOCK_RDM = 4;
export const SOCK_SEQPACKET = 5;
/** socket(2)'s type without SOCK_NONBLOCK and SOCK_CLOEXEC. */
export const SOCK_TYPE_MASK = 0xf;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;

export const SOL_SOCKET = 1;
export const SOL_NETLINK = 270;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_IPV6 = 41;
export const TCP_INFO = 11;

export const SO_LINGER = 13;
export const SO_DOMAIN = 39;
export const SO_COOKIE = 57;
export const SO_NETNS_COOKIE = 71;
export const IPV6_V6ONLY = 26;

export const MSG_PEEK = 0x2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_FASTOPEN = 0x20000000;

// The socket calls that several files of this folder use, each bound once.

/** socket(2) */
export const socket: NativeCall = bind('int socket(int domain, int type, int protocol)');
/** connect(2) */
export const connect: NativeCall = bind('int connect(int fd, const void *address, uint length)');
/** bind(2) */
const bindSocket: NativeCall = bind('int bind(int fd, const void *address, uint length)');
/** getsockname(2) */
export const getsockname: NativeCall = bind('int getsockname(int fd, void *address, void *length)');
/** getsockopt(2) */
const getsockopt: NativeCall = bind('int getsockopt(int fd, int level, int name, void *value, void *length)');
/** setsockopt(2) */
const setsockopt: NativeCall = bind(
  'int setsockopt(int fd, int level, int name, const void *value, uint length)',
);
/** recvfrom(2) */
export const recvfrom: NativeCall = bind(
  'long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)',
);
/** sendto(2) */
export const sendto: NativeCall = bind(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint addressLength)',
);

// getsockopt(2) and setsockopt(2). Runs in broker and supervisor.

const int = new Int32Array(1);
const intBytes = new Uint8Array(int.buffer);

/** Copies the value of an option into `into`. @returns 0, or minus errno */
export function readOption(fd: number, level: number, name: number, into: Uint8Array): number {
  length[0] = into.length;
  return getsockopt(fd, level, name, into, lengthBytes);
}

/** The value of an option that is an int. @returns the value, or minus errno */
export function readIntOption(fd: number, level: number, name: number): number {
  const result = readOption(fd, level, name, intBytes);
  return result < 0 ? result : (int[0] ?? 0);
}

/** @returns 0, or minus errno */
export function writeOption(fd: number, level: number, name: number, from: Uint8Array): number {
  return setsockopt(fd, level, name, from, from.length);
}

/**
 * Sets an option.
 *
 * @param value an int, or the bytes of another type
 * @throws SystemError
 */
export function setOption(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
  succeed(writeOption(fd, level, name, bytes), 'setsockopt');
}

// bind(2), listen(2) and getsockname(2). Runs in the supervisor for listeners, and in the broker for sockets of a sandbox.

const listen: NativeCall = bind('int listen(int fd, int backlog)');

/**
 * Binds a socket. A path makes a socket file, with mode 0777 less the umask.
 *
 * @param address a struct sockaddr
 * @returns 0, or minus errno: EADDRINUSE, EACCES, EADDRNOTAVAIL, …
 */
export function bindTo(fd: number, address: Uint8Array): number {
  return bindSocket(fd, address, address.length);
}

/** Makes a bound socket listen, or changes how many callers of a listening one may wait. @returns 0, or minus errno */
export function listenOn(fd: number, backlog: number): number {
  return listen(fd, backlog);
}

// SAFETY: lent to one call at a time, on the main thread. decodeSockaddr copies the address.
const address = new Uint8Array(SOCKADDR_BYTES);

/** The address of an inet socket; undefined for another family. */
export function boundAddress(fd: number): Endpoint | undefined {
  length[0] = SOCKADDR_BYTES;
  if (getsockname(fd, address, lengthBytes) < 0) return undefined;
  return decodeSockaddr(address, length[0]);
}

// A connected pair of AF_UNIX packet sockets for a plugin, unix(7). Both belong to the host's network namespace. So both have a
// name from the start: no bind(2) can take a name of the host by one of them, and no SO_PASSCRED makes the kernel choose one later.

/** A family alone: the kernel chooses an abstract name. */
const ANY_NAME = new Uint8Array(Uint16Array.of(AF_UNIX).buffer);

/** @returns the pair, or minus errno: EMFILE, ENOSPC, … */
export function namedPair(nonBlocking: boolean): readonly [OwnedFd, OwnedFd] | number {
  let pair: readonly [OwnedFd, OwnedFd];
  try {
    pair = packetSocketPair();
  } catch (error) {
    if (error instanceof SystemError) return -error.errno;
    throw error;
  }
  for (const { number } of pair) {
    const named = /* protects: G14 a pair can take no name of the host => 0 */ bindTo(number, ANY_NAME);
    if (named < 0) {
      for (const end of pair) end.close();
      return named;
    }
    setNonBlocking(number, nonBlocking);
  }
  return pair;
}

// bind(2) of an AF_UNIX socket to a name that the kernel picks, unix(7).

const FAMILY_ALONE = new Uint8Array(new Uint16Array([AF_UNIX]).buffer);

/**
 * Gives a socket of the host a name that it keeps for good. The plugin's own AF_UNIX bind(2) is executed as it is: another thread of the
 * plugin could swap the descriptor meanwhile, and so give this socket an abstract name of the host.
 */
export function nameForGood(fd: number): void {
  // protects: G1 a socket of the host's that a plugin is started with has a name for good => ((..._) => { })((fd, FAMILY_ALONE), 'bind');
  succeed(bindTo(fd, FAMILY_ALONE), 'bind');
}
