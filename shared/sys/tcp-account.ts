// What the kernel has counted of a TCP connection, tcp(7) TCP_INFO, as postern accounts for it. Runs in the broker.
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';
import { IPPROTO_TCP, TCP_INFO } from './socket-constants.js';
import { readOption, writeOption } from './socket-option.js';
import { TCP_STATE } from './socket-state.js';

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
  /** Payload that the peer's kernel has acknowledged. */
  readonly sentBytes: number;
  /** Payload that this host's kernel has sent, acknowledged or not, without repetitions. */
  readonly leftBytes: number;
  /** Payload that this host's kernel has received, whether the program has read it or not. */
  readonly receivedBytes: number;
  /** The smoothed round-trip time in milliseconds. */
  readonly rttMs: number;
  /** Segments that were sent again. */
  readonly retransmits: number;
}

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
  const sinceAck = view.getUint32(INFO.tcpi_last_ack_recv, little);
  // Our own FIN was acknowledged: the kernel kept the socket until the peer's came, or gave up.
  const ended = acked - 1 > sent && !(sinceAck >= GIVEN_UP_MS.from && sinceAck <= GIVEN_UP_MS.to);
  const peerEnded = state === TCP_STATE.CLOSE ? ended : PEER_HAS_ENDED.includes(state);
  return {
    established: acked > 0,
    sentBytes: Math.max(0, Math.min(acked - 1, sent)),
    leftBytes: Math.max(0, sent),
    receivedBytes: Math.max(0, received - (peerEnded ? 1 : 0)),
    rttMs: view.getUint32(INFO.tcpi_rtt, little) / 1_000,
    retransmits: view.getUint32(INFO.tcpi_total_retrans, little),
  };
}
