// getsockopt(2), setsockopt(2), bind(2), listen(2), connect(2) and sendto(2) on sockets that a plugin made: socket(7), tcp(7),
// ip(7). Runs in the broker.
import { constants } from 'node:os';
import { bind as bindCall } from './libc.js';
import { AF_INET } from './sockaddr.js';
import { takeSocketError } from './socket.js';

const { EINVAL, EISCONN } = constants.errno;

const SOL_SOCKET = 1;
const SO_DOMAIN = 39;
const SO_ACCEPTCONN = 30;
const SO_NETNS_COOKIE = 71;
const SO_SNDTIMEO_NEW = 67;
/** What a timer of Node's takes. */
const LONGEST_TIMER_MS = 0x7fffffff;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const TCP_INFO = 11;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_FASTOPEN = 0x20000000;

const getsockopt = bindCall('int getsockopt(int fd, int level, int name, void *value, void *length)');
const setsockopt = bindCall('int setsockopt(int fd, int level, int name, const void *value, uint length)');
const bind = bindCall('int bind(int fd, const void *address, uint length)');
const listen = bindCall('int listen(int fd, int backlog)');
const connect = bindCall('int connect(int fd, const void *address, uint length)');
const sendto = bindCall(
  'long sendto(int fd, const void *data, size_t length, int flags, const void *address, uint addressLength)',
);

const value = new DataView(new ArrayBuffer(16));
const valueBytes = new Uint8Array(value.buffer);
const length = new Uint32Array(1);
const lengthBytes = new Uint8Array(length.buffer);

function get(fd: number, level: number, name: number, bytes: number): number {
  length[0] = bytes;
  return getsockopt(fd, level, name, valueBytes, lengthBytes);
}

/** tcp(7)'s states by number. */
export const TCP_STATE = { ESTABLISHED: 1, SYN_SENT: 2, SYN_RECV: 3, CLOSE: 7, LISTEN: 10 } as const;

/** What a descriptor's socket is, or minus errno: ENOTSOCK where it is none. */
export function identifySocket(fd: number): { readonly netns: bigint; readonly domain: number } | number {
  const result = get(fd, SOL_SOCKET, SO_NETNS_COOKIE, 8);
  if (result < 0) return result;
  const netns = value.getBigUint64(0, true);
  get(fd, SOL_SOCKET, SO_DOMAIN, 4);
  return { netns, domain: value.getInt32(0, true) };
}

/** The cookie of a socket's network namespace, socket(7). */
export function netnsCookie(fd: number): bigint {
  return get(fd, SOL_SOCKET, SO_NETNS_COOKIE, 8) < 0 ? 0n : value.getBigUint64(0, true);
}

/** One of {@link TCP_STATE}, or another of the kernel's; undefined where it is no TCP socket. */
export function tcpState(fd: number): number | undefined {
  return get(fd, IPPROTO_TCP, TCP_INFO, 1) < 0 ? undefined : value.getUint8(0);
}

export function acceptsConnections(fd: number): boolean {
  return get(fd, SOL_SOCKET, SO_ACCEPTCONN, 4) === 0 && value.getInt32(0, true) === 1;
}

export function isV6Only(fd: number): boolean {
  return get(fd, IPPROTO_IPV6, IPV6_V6ONLY, 4) === 0 && value.getInt32(0, true) === 1;
}

/** An option's value of at most 16 bytes, copied into `into`. @returns 0, or minus errno */
export function readOption(fd: number, level: number, name: number, into: Uint8Array): number {
  length[0] = into.length;
  const result = getsockopt(fd, level, name, into, lengthBytes);
  return result;
}

export function writeOption(fd: number, level: number, name: number, from: Uint8Array): number {
  return setsockopt(fd, level, name, from, from.length);
}

/** @param address a struct sockaddr as the plugin gave it, copied */
export function bindTo(fd: number, address: Uint8Array): number {
  return bind(fd, address, address.length);
}

export function listenOn(fd: number, backlog: number): number {
  return listen(fd, backlog);
}

/** connect(2) on what never waits: a datagram or netlink socket, or AF_UNSPEC. @returns 0, or minus errno */
export function connectAtOnce(fd: number, address: Uint8Array): number {
  return connect(fd, address, address.length);
}

/**
 * Starts a TCP connection and never waits for it, whatever the socket's O_NONBLOCK, which its other holders can change at any
 * moment: a send of nothing with MSG_FASTOPEN and MSG_DONTWAIT does what a non-blocking connect(2) does.
 *
 * @returns 0, or minus errno: EINPROGRESS, EISCONN, EALREADY, ECONNREFUSED, …; EOPNOTSUPP where net.ipv4.tcp_fastopen is off
 */
export function startConnectNeverWaiting(fd: number, address: Uint8Array): number {
  return sendto(fd, valueBytes, 0, MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
}

/** Of a family, and too short for it: the kernel looks at the socket's state, and would not dial. */
const NO_DESTINATION = new Uint8Array(new Uint16Array([AF_INET]).buffer);

/**
 * Asks a TCP socket whose attempt is not under way how it went, as a program's next connect(2) does: the kernel tells once of
 * a connection that is there, and gives a failed socket its first state back. Dials nothing, whatever the socket's state.
 *
 * @returns 0 once, -EISCONN from then on; minus errno of the failure, once; -EINVAL where nothing was begun, or where a
 *   security module of the kernel looks at addresses first
 */
export function settleConnect(fd: number): number {
  return connect(fd, NO_DESTINATION, NO_DESTINATION.length);
}

/** How an attempt ended that is over: 0 or minus errno. The socket is settled. */
export function concludeConnect(fd: number): number {
  const result = settleConnect(fd);
  if (result === -EISCONN) return 0;
  return result === -EINVAL ? takeSocketError(fd) : result;
}

/** SO_SNDTIMEO in milliseconds; 0 for none. */
export function sendTimeout(fd: number): number {
  if (get(fd, SOL_SOCKET, SO_SNDTIMEO_NEW, 16) < 0) return 0;
  const seconds = Number(value.getBigInt64(0, true));
  const milliseconds = seconds * 1000 + Number(value.getBigInt64(8, true)) / 1000;
  return milliseconds === 0 ? 0 : Math.min(Math.max(1, Math.ceil(milliseconds)), LONGEST_TIMER_MS);
}
