// The state of sockets that a plugin made, and connects on them that never wait: socket(7), tcp(7), ip(7). Runs in the broker.
import { constants } from 'node:os';
import { AF_INET } from './sockaddr.js';
import { takeSocketError } from './socket.js';
import { connect, sendto } from './socket-calls.js';
import {
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_FASTOPEN,
  MSG_NOSIGNAL,
  SO_COOKIE,
  SO_DOMAIN,
  SO_NETNS_COOKIE,
  SOL_SOCKET,
  TCP_INFO,
} from './socket-constants.js';
import { readIntOption, readOption } from './socket-option.js';

const { EINVAL, EISCONN } = constants.errno;

const SO_SNDTIMEO_NEW = 67;
/** The longest time that a timer of Node takes. */
const LONGEST_TIMER_MS = 0x7fffffff;

const value = new DataView(new ArrayBuffer(16));
const valueBytes = new Uint8Array(value.buffer);
const value8 = valueBytes.subarray(0, 8);
const value1 = valueBytes.subarray(0, 1);

/** The states of tcp(7), by number. */
export const TCP_STATE = {
  ESTABLISHED: 1,
  SYN_SENT: 2,
  SYN_RECV: 3,
  CLOSE: 7,
  CLOSE_WAIT: 8,
  LAST_ACK: 9,
  LISTEN: 10,
  CLOSING: 11,
} as const;

/** Network namespace and address family of a socket, or minus errno: ENOTSOCK if it is no socket. */
export function identifySocket(fd: number): { readonly netns: bigint; readonly domain: number } | number {
  const result = readOption(fd, SOL_SOCKET, SO_NETNS_COOKIE, value8);
  if (result < 0) return result;
  return { netns: value.getBigUint64(0, true), domain: readIntOption(fd, SOL_SOCKET, SO_DOMAIN) };
}

/** The cookie of a socket's network namespace, socket(7). 0: it is not known. */
export function netnsCookie(fd: number): bigint {
  return readOption(fd, SOL_SOCKET, SO_NETNS_COOKIE, value8) < 0 ? 0n : value.getBigUint64(0, true);
}

/** The number that no other socket ever has, its cookie. 0: it is no socket. */
export function socketCookie(fd: number): bigint {
  return readOption(fd, SOL_SOCKET, SO_COOKIE, value8) < 0 ? 0n : value.getBigUint64(0, true);
}

/** One of {@link TCP_STATE}, or another state of the kernel; undefined if it is no TCP socket. */
export function tcpState(fd: number): number | undefined {
  return readOption(fd, IPPROTO_TCP, TCP_INFO, value1) < 0 ? undefined : value.getUint8(0);
}

export function isV6Only(fd: number): boolean {
  return readIntOption(fd, IPPROTO_IPV6, IPV6_V6ONLY) === 1;
}

/** connect(2) where it never waits: on a datagram or netlink socket, or with AF_UNSPEC. @returns 0, or minus errno */
export function connectAtOnce(fd: number, address: Uint8Array): number {
  return connect(fd, address, address.length);
}

/**
 * Starts a TCP connection and never waits for it, even if O_NONBLOCK is not set: another holder of the socket can change that flag at
 * any moment. A send of nothing with MSG_FASTOPEN and MSG_DONTWAIT does what a non-blocking connect(2) does.
 *
 * @returns 0, or minus errno: EINPROGRESS, EISCONN, EALREADY, ECONNREFUSED, …; EOPNOTSUPP if net.ipv4.tcp_fastopen is off
 */
export function startConnectNeverWaiting(fd: number, address: Uint8Array): number {
  return sendto(fd, valueBytes, 0, MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL, address, address.length);
}

/** An address too short for its family: the kernel reports the state of the socket, and does not dial. */
const NO_DESTINATION = new Uint8Array(new Uint16Array([AF_INET]).buffer);

/**
 * Asks a TCP socket how its attempt ended, as the next connect(2) of a program does. The kernel reports a new connection once, and resets
 * a socket whose attempt failed. It never dials.
 *
 * @returns 0 once, then -EISCONN; minus errno of the failure, once; -EINVAL if there was no attempt, or if a security module of the
 *   kernel checks the address first
 */
export function settleConnect(fd: number): number {
  return connect(fd, NO_DESTINATION, NO_DESTINATION.length);
}

/** Settles a socket whose attempt is over. @returns 0, or minus errno of the failure */
export function concludeConnect(fd: number): number {
  const result = settleConnect(fd);
  if (result === -EISCONN) return 0;
  return result === -EINVAL ? takeSocketError(fd) : result;
}

/** SO_SNDTIMEO in milliseconds. 0: there is none. */
export function sendTimeout(fd: number): number {
  if (readOption(fd, SOL_SOCKET, SO_SNDTIMEO_NEW, valueBytes) < 0) return 0;
  const seconds = Number(value.getBigInt64(0, true));
  const milliseconds = seconds * 1000 + Number(value.getBigInt64(8, true)) / 1000;
  return milliseconds === 0 ? 0 : Math.min(Math.max(1, Math.ceil(milliseconds)), LONGEST_TIMER_MS);
}
