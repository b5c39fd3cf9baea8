// A conversation with a proxy that ends with a tunnel or without one. Values only.
import type { Outcome } from '../../shared/words.js';

/** What a proxy is asked to connect to. */
export interface ProxyTarget {
  /** A canonical name, or an address without brackets. */
  readonly host: string;
  readonly family: 4 | 6 | 'name';
  /** Network order, if it is an address. */
  readonly bytes: Uint8Array | undefined;
  /** 1 to 65535 */
  readonly port: number;
}

/** Why there is no tunnel. It names neither credentials nor words of the proxy. */
export interface ProxyFailure {
  readonly outcome: Exclude<Outcome, 'connected'>;
  /** errno's name. */
  readonly errno: string;
  /** As in "the proxy CAUSE". */
  readonly cause: string;
  /** The proxy does not permit the destination, as it was named. */
  readonly isForbidden?: true;
}

export interface Taken {
  /** How many of the bytes belong to the handshake. The others are the peer's, and stay in the socket. */
  readonly used: number;
  /** `more` bytes must come, the tunnel is `open`, bytes to send, or there is no tunnel. */
  readonly next: 'more' | 'open' | Uint8Array | ProxyFailure;
}

/** The client's part. It keeps no reference to what it is given, and its memory is bounded. */
export interface Handshake {
  /** What is sent first. */
  readonly opening: Uint8Array;
  /** @param bytes that came next: at least one */
  take(bytes: Uint8Array): Taken;
}

/** What a proxy said is not in the protocol. */
export function garbled(what: string): ProxyFailure {
  return { outcome: 'unreachable', errno: 'EPROTO', cause: `answered with ${what}` };
}
