// socket(2), connect(2), getsockopt(2), setsockopt(2), getpeername(2), shutdown(2), poll(2), socketpair(2). Runs in broker
// and supervisor.
import { constants } from 'node:fs';
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  decodeSockaddr,
  type Endpoint,
  encodeSockaddr,
  encodeSocketPath,
} from './sockaddr.js';
import { succeed } from './system-error.js';

const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_TYPE = 3;
const SO_SNDBUF = 7;
const SO_PASSCRED = 16;
const SO_ACCEPTCONN = 30;
const SO_DOMAIN = 39;
const SO_ATTACH_FILTER = 26;
const SO_LOCK_FILTER = 44;
const SHUT_RDWR = 2;
const POLLIN = 1;
const POLLOUT = 4;
const POLLHUP = 0x10;
const POLLRDHUP = 0x2000;
const POLLFD = LAYOUT['struct pollfd'];

const socket = bind('int socket(int domain, int type, int protocol)');
const connect = bind('int connect(int fd, const void *address, uint length)');
const getsockopt = bind('int getsockopt(int fd, int level, int name, void *value, void *length)');
const setsockopt = bind('int setsockopt(int fd, int level, int name, const void *value, uint length)');
const getpeername = bind('int getpeername(int fd, void *address, void *length)');
const shutdown = bind('int shutdown(int fd, int how)');
const socketpair = bind('int socketpair(int domain, int type, int protocol, void *fds)');
const poll = bind('int poll(void *fds, ulong count, int timeout)');

/** A TCP socket, non-blocking and close-on-exec. @returns the socket, or minus errno (EMFILE, EAFNOSUPPORT, …) */
export function tcpSocket(family: 4 | 6): OwnedFd | number {
  const domain = family === 4 ? AF_INET : AF_INET6;
  const result = socket(domain, SOCK_STREAM | SOCK_CLOEXEC | constants.O_NONBLOCK, 0);
  return result < 0 ? result : new OwnedFd(result);
}

/** An AF_UNIX stream socket, non-blocking and close-on-exec. @returns the socket, or minus errno */
export function unixStreamSocket(): OwnedFd | number {
  const result = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | constants.O_NONBLOCK, 0);
  return result < 0 ? result : new OwnedFd(result);
}

/** Starts or makes a connection. @returns 0, or minus errno: EINPROGRESS for one under way */
export function startConnect(fd: number, endpoint: Endpoint): number {
  const address = encodeSockaddr(endpoint);
  return connect(fd, address, address.length);
}

/** Connects to the socket at a path. @returns 0, or minus errno: ECONNREFUSED where nobody listens, EAGAIN in a full queue */
export function connectToPath(fd: number, path: string): number {
  const address = encodeSocketPath(path);
  return connect(fd, address, address.length);
}

const optionValue = new Int32Array(1);
const optionValueBytes = new Uint8Array(optionValue.buffer);
const optionLength = new Uint32Array(1);
const optionLengthBytes = new Uint8Array(optionLength.buffer);

function intOption(fd: number, name: number): number {
  optionLength[0] = 4;
  const result = getsockopt(fd, SOL_SOCKET, name, optionValueBytes, optionLengthBytes);
  return result < 0 ? result : (optionValue[0] ?? 0);
}

/** The pending error of a socket, as minus errno, and clears it; 0 where there is none. */
export function takeSocketError(fd: number): number {
  const value = intOption(fd, SO_ERROR);
  return value <= 0 ? value : -value;
}

/** Whether a socket listens: whoever holds it takes its callers. */
export function isListening(fd: number): boolean {
  return intOption(fd, SO_ACCEPTCONN) === 1;
}

/** Whether packets to a socket pass a program first (SO_ATTACH_FILTER, SO_ATTACH_BPF), or a lock keeps one from removal. */
export function isFiltered(fd: number): boolean {
  // SO_GET_FILTER has SO_ATTACH_FILTER's number. It answers the program's length: 0 for none, an error for one in eBPF.
  optionLength[0] = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, null, optionLengthBytes) < 0) return true;
  return optionLength[0] > 0 || intOption(fd, SO_LOCK_FILTER) !== 0;
}

/** Address family and type of a socket, or undefined where the descriptor is none. */
export function socketKind(fd: number): { readonly family: number; readonly type: number } | undefined {
  const family = intOption(fd, SO_DOMAIN);
  if (family < 0) return undefined;
  return { family, type: intOption(fd, SO_TYPE) };
}

const peerBytes = new Uint8Array(128);

/** Whom an inet socket is connected to; undefined where it is not (ENOTCONN) or of another family. */
export function peerOf(fd: number): Endpoint | undefined {
  optionLength[0] = peerBytes.length;
  if (getpeername(fd, peerBytes, optionLengthBytes) < 0) return undefined;
  return decodeSockaddr(peerBytes.subarray(0, optionLength[0]));
}

const pollEntry = new DataView(new ArrayBuffer(POLLFD.size));
const pollEntryBytes = new Uint8Array(pollEntry.buffer);

/** Whether writing would not block now: for a connecting socket, whether its attempt has ended. Never waits. */
export function writableNow(fd: number): boolean {
  pollEntry.setInt32(0, fd, true);
  pollEntry.setInt16(POLLFD.events, POLLOUT, true);
  pollEntry.setInt16(POLLFD.revents, 0, true);
  return poll(pollEntryBytes, 1, 0) === 1;
}

/** Whether reading has ended for good: by the peer, or by a shutdown(2) of any holder. */
export function isShutForReading(fd: number): boolean {
  pollEntry.setInt32(0, fd, true);
  pollEntry.setInt16(POLLFD.events, POLLRDHUP, true);
  pollEntry.setInt16(POLLFD.revents, 0, true);
  if (poll(pollEntryBytes, 1, 0) !== 1) return false;
  return (pollEntry.getInt16(POLLFD.revents, true) & (POLLRDHUP | POLLHUP)) !== 0;
}

/** Whether a descriptor can be read now, or nothing will ever come any more. Never waits. */
export function readableNow(fd: number): 'readable' | 'ended' | 'idle' {
  pollEntry.setInt32(0, fd, true);
  pollEntry.setInt16(POLLFD.events, POLLIN, true);
  pollEntry.setInt16(POLLFD.revents, 0, true);
  if (poll(pollEntryBytes, 1, 0) !== 1) return 'idle';
  const ready = pollEntry.getInt16(POLLFD.revents, true);
  if ((ready & POLLIN) !== 0) return 'readable';
  return (ready & POLLHUP) !== 0 ? 'ended' : 'idle';
}

/** Whether both directions have ended: the other side holds its end no more. Never waits. */
export function isHungUp(fd: number): boolean {
  pollEntry.setInt32(0, fd, true);
  pollEntry.setInt16(POLLFD.events, 0, true);
  pollEntry.setInt16(POLLFD.revents, 0, true);
  return poll(pollEntryBytes, 1, 0) === 1 && (pollEntry.getInt16(POLLFD.revents, true) & POLLHUP) !== 0;
}

/** Ends a socket in both directions for every holder of either end. */
export function shutDown(fd: number): void {
  shutdown(fd, SHUT_RDWR);
}

/** A connected pair of AF_UNIX SOCK_SEQPACKET sockets, close-on-exec, unix(7). */
export function packetSocketPair(): readonly [OwnedFd, OwnedFd] {
  const fds = new Int32Array(2);
  succeed(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, new Uint8Array(fds.buffer)), 'socketpair');
  return [new OwnedFd(fds[0] ?? -1), new OwnedFd(fds[1] ?? -1)];
}

/** Sets an option. @param value an int, or the bytes of another type */
export function setOption(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? new Uint8Array(new Int32Array([value]).buffer) : value;
  succeed(setsockopt(fd, level, name, bytes, bytes.length), 'setsockopt');
}

/** SO_SNDBUF, socket(7); the kernel doubles it for its own accounts. */
export function setSendBuffer(fd: number, bytes: number): void {
  const value = new Uint8Array(new Int32Array([bytes]).buffer);
  succeed(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, 4), 'setsockopt SO_SNDBUF');
}

/** From now on each message received here bears its sender's pid, uid and gid (SCM_CREDENTIALS). */
export function receiveCredentials(fd: number): void {
  const one = new Uint8Array(new Int32Array([1]).buffer);
  succeed(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, one, 4), 'setsockopt SO_PASSCRED');
}
