// What the kernel tells about one socket, and the settings of one socket that need a word of their own: mark, pace, error queue. Runs in broker
// and supervisor.

import { constants, endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { findProcess, isInPidNamespace } from './pidfd.js';
import { AF_INET } from './sockaddr.js';
import {
  connect,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_NOSIGNAL,
  readIntOption,
  readOption,
  recvfrom,
  SO_COOKIE,
  SO_DOMAIN,
  SO_NETNS_COOKIE,
  SOL_SOCKET,
  sendto,
  TCP_INFO,
  takeSocketError,
  writeOption,
} from './socket.js';

// The state of sockets that a plugin made, and connects on them that never wait: socket(7), tcp(7), ip(7).

const { EINVAL, EISCONN, ENOPROTOOPT } = constants.errno;

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
  FIN_WAIT1: 4,
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

// What the kernel has counted of a TCP connection, tcp(7) TCP_INFO, as postern accounts for it.

const INFO = LAYOUT['struct tcp_info'];
const INFO_BYTES = INFO.tcpi_bytes_retrans + 8;
const little = endianness() === 'LE';
const TCP_LINGER2 = 8;
/** After TIME_WAIT's length the kernel forgets a closed socket whose peer sends no FIN. The socket stays for what is set above it. */
const TIME_WAIT_S = 60;
const FIN_WAIT_S = 10;
/** When the kernel gives up such a socket, as milliseconds since the last packet. */
const GIVEN_UP_MS = { from: FIN_WAIT_S * 1_000 - 100, to: FIN_WAIT_S * 1_000 + 500 };
const lingerBytes = new Uint8Array(new Int32Array([TIME_WAIT_S + FIN_WAIT_S]).buffer);

/** A connection's account. */
export interface TcpAccount {
  /** Whether the peer has ever answered. */
  readonly established: boolean;
  /** The kernel has dissolved the connection and set its counts to 0, even that of its first segment. */
  readonly isForgotten: boolean;
  /** Payload that the peer's kernel has acknowledged. */
  readonly sentBytes: number;
  /**
   * Payload that the program has written, without repetitions: sent and acknowledged, sent alone, or queued. What a connection that is over had
   * queued is not in it.
   */
  readonly writtenBytes: number;
  /** Payload that this host's kernel has received, whether the program has read it or not. */
  readonly receivedBytes: number;
  /** The smoothed round-trip time in milliseconds. */
  readonly rttMs: number;
  /** Segments that were sent again. */
  readonly retransmits: number;
}

/** States in which this side has sent its FIN, or has it in the queue. */
const HAS_ENDED: readonly number[] = [TCP_STATE.FIN_WAIT1, TCP_STATE.LAST_ACK, TCP_STATE.CLOSING];
/** States of an open socket in which the peer has sent its FIN. */
const PEER_HAS_ENDED: readonly number[] = [TCP_STATE.CLOSE_WAIT, TCP_STATE.LAST_ACK, TCP_STATE.CLOSING];

/**
 * Keeps a closed socket until its peer has ended too, FIN_WAIT_S at most. The kernel counts a FIN as one byte, so a count is exact only if
 * it is known whether the FIN came before the kernel forgot the socket. Without this, that is a matter of luck.
 */
export function awaitPeersEnd(fd: number): void {
  // If it fails, a count may be one byte too high.
  // protects: G22 accounts: a socket waits for its peer's end, so that a count is exact => void [fd, IPPROTO_TCP, TCP_LINGER2, lingerBytes, writeOption];
  writeOption(fd, IPPROTO_TCP, TCP_LINGER2, lingerBytes);
}

/**
 * How many segments have come for a TCP socket that is closed and has sent nothing. One is a reset: the peer's host answered, and nothing listens. Where
 * there are more, the connection was established, and then reset.
 */
export function segmentsReceived(fd: number): number {
  const bytes = new Uint8Array(INFO_BYTES);
  if (readOption(fd, IPPROTO_TCP, TCP_INFO, bytes) < 0) return 0;
  return new DataView(bytes.buffer).getUint32(INFO.tcpi_segs_in, little);
}

/** What a socket has carried so far; undefined if it is no TCP socket. It waits for the socket's lock. */
export function tcpAccount(fd: number): TcpAccount | undefined {
  const bytes = new Uint8Array(INFO_BYTES);
  if (readOption(fd, IPPROTO_TCP, TCP_INFO, bytes) < 0) return undefined;
  return readTcpAccount(bytes, bytes[0] ?? TCP_STATE.CLOSE);
}

/**
 * Reads a struct tcp_info. SYN and FIN count as one byte each in what is acknowledged and received; what was sent is payload alone.
 *
 * @param state of the socket; CLOSE if it is gone. Then a program that ended the connection by a reset, or whose peer did, may have
 *   received a FIN before, which this counts as a byte: the kernel does not tell
 * @returns undefined if the bytes are too short
 */
export function readTcpAccount(bytes: Uint8Array, state: number): TcpAccount | undefined {
  if (bytes.length < INFO_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const long = (at: number): number => Number(view.getBigUint64(at, little));
  const acked = long(INFO.tcpi_bytes_acked);
  const sent = long(INFO.tcpi_bytes_sent) - long(INFO.tcpi_bytes_retrans);
  const received = long(INFO.tcpi_bytes_received);
  // The FIN comes last, so it is there if anything is. Of a dissolved connection the number says nothing.
  const queued =
    state === TCP_STATE.CLOSE
      ? 0
      : view.getUint32(INFO.tcpi_notsent_bytes, little) - (HAS_ENDED.includes(state) ? 1 : 0);
  const sinceAck = view.getUint32(INFO.tcpi_last_ack_recv, little);
  // Our own FIN was acknowledged: the kernel kept the socket until the peer's came, or gave up.
  const ended = acked - 1 > sent && !(sinceAck >= GIVEN_UP_MS.from && sinceAck <= GIVEN_UP_MS.to);
  const peerEnded = state === TCP_STATE.CLOSE ? ended : PEER_HAS_ENDED.includes(state);
  return {
    established: acked > 0,
    isForgotten: view.getUint32(INFO.tcpi_segs_out, little) === 0,
    sentBytes: Math.max(0, Math.min(acked - 1, sent)),
    writtenBytes:
      Math.max(0, /* protects: G22 quota: bytes that no peer acknowledges count => acked - 1 */ sent) +
      /* protects: G22 quota: what a socket has still to send counts => 0 */ Math.max(0, queued),
    receivedBytes: Math.max(0, received - (peerEnded ? 1 : 0)),
    rttMs: view.getUint32(INFO.tcpi_rtt, little) / 1_000,
    retransmits: view.getUint32(INFO.tcpi_total_retrans, little),
  };
}

// SO_MARK, socket(7): the mark of a socket's packets, by which the kernel's rules can route and filter them.

const SO_MARK = 36;

/**
 * @param mark 1 to 2^32 - 1
 * @returns 0, or minus errno: EPERM without CAP_NET_ADMIN in the user namespace of the socket's network
 */
export function setSocketMark(fd: number, mark: number): number {
  return writeOption(fd, SOL_SOCKET, SO_MARK, new Uint8Array(new Uint32Array([mark]).buffer));
}

// SO_MAX_PACING_RATE, socket(7): how fast a socket sends. TCP keeps the rate by itself since Linux 4.13, without a queueing discipline. Runs in the
// broker.

const SO_MAX_PACING_RATE = 47;

/**
 * Bounds what a socket sends. TCP does not pace the first ten segments of a connection.
 *
 * @param bytesPerSecond with headers
 * @returns 0, or minus errno
 */
export function paceSending(fd: number, bytesPerSecond: number): number {
  const rate = new Uint8Array(8);
  new DataView(rate.buffer).setBigUint64(0, BigInt(bytesPerSecond), endianness() === 'LE');
  return writeOption(fd, SOL_SOCKET, SO_MAX_PACING_RATE, rate);
}

// The error queue of an inet socket, ip(7): ICMP errors, and packets that come back with a time stamp.

/** More entries stay for the next call. */
const MOST_TAKEN = 64;

/** Takes entries out, and reads none of them. Never waits. @param fd an AF_INET or AF_INET6 socket: others ignore the flag, and return data */
export function emptyErrorQueue(fd: number): void {
  for (let taken = 0; taken < MOST_TAKEN; taken += 1) {
    if (recvfrom(fd, null, 0, MSG_ERRQUEUE | MSG_DONTWAIT, null, null) < 0) return;
  }
}

// SO_PEERCRED and SO_PEERPIDFD, unix(7): which process made the other end of a connected AF_UNIX socket. The kernel noted it at connect(2), or at
// listen(2) of a server.

const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const UCRED = LAYOUT['struct ucred'];

export interface PeerCredentials {
  /** 0 for a process of a pid namespace that this process does not see into. */
  readonly pid: number;
  readonly uid: number;
}

/** @throws SystemError for a descriptor that is no socket */
export function peerCredentials(fd: number): PeerCredentials {
  const view = new DataView(new ArrayBuffer(UCRED.size));
  succeed(readOption(fd, SOL_SOCKET, SO_PEERCRED, new Uint8Array(view.buffer)), 'getsockopt SO_PEERCRED');
  return { pid: view.getInt32(0, true), uid: view.getUint32(UCRED.uid, true) };
}

/**
 * Whether the process that made the other end still runs, in the very pid namespace of this process. Before Linux 6.5 the kernel gives no handle of it,
 * so its pid is taken: another process may have it by now, if the peer has ended.
 */
export function isPeerInPidNamespace(fd: number): boolean {
  const given = readIntOption(fd, SOL_SOCKET, SO_PEERPIDFD);
  const found = given === -ENOPROTOOPT ? findProcess(peerCredentials(fd).pid) : given;
  if (found < 0) return false;
  using peer = new OwnedFd(found);
  return isInPidNamespace(peer.number);
}
