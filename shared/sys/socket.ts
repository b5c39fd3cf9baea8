// socket(2), connect(2), getpeername(2), shutdown(2), poll(2) and socketpair(2), and what a socket is. Runs in broker and supervisor.
import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { ioctl } from './common-calls.js';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { boundAddress } from './listen.js';
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
import { connect, getsockopt, socket } from './socket-calls.js';
import {
  IPPROTO_IP,
  SO_DOMAIN,
  SOCK_CLOEXEC,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
} from './socket-constants.js';
import { readIntOption, setOption, writeOption } from './socket-option.js';
import { succeed } from './system-error.js';

const { ECONNREFUSED, EINPROGRESS } = system.errno;
const SO_ERROR = 4;
const SO_TYPE = 3;
const SO_SNDBUF = 7;
const SO_PASSCRED = 16;
const SO_ACCEPTCONN = 30;
const SO_ATTACH_FILTER = 26;
const SO_LOCK_FILTER = 44;
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
