// Requests and decisions. Values only, no code.
import type { AddressClass, DecisionWord, Reason } from '../reasons.js';
import type { Address } from './address.js';

/** A request of a plugin. Do not trust these types: the values are checked when the request is judged. */
export interface Request {
  /** A name, an address, or `unix:` with the path of a socket. */
  readonly host: string;
  /** 1 to 65535; 0 for a socket. */
  readonly port: number;
}

/** An address of a name that is not dialled. */
export interface DroppedAddress {
  readonly address: Address;
  readonly class: AddressClass;
  readonly reason: 'address_denied' | 'address_special';
  /** The deny rule that covers it. */
  readonly rule?: string;
}

/** The decision on a request. */
export interface Decision {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  /** The rule that decided, as it was written. */
  readonly rule?: string;
  /** Canonical if it could be read, else as asked and cut at 256 characters. Quote it when you print it. */
  readonly host: string;
  /** As asked; 0 for a socket, and if that was no finite number. */
  readonly port: number;
  /** The addresses to dial, in the order of the answer. Empty for a denial. */
  readonly dial: readonly Address[];
  /** The AF_UNIX socket to dial. Missing for a denial, and for a TCP connection. */
  readonly path?: string;
  /** The addresses of a name that may not be dialled. Empty for a literal address. */
  readonly dropped: readonly DroppedAddress[];
  /** The cause, for the operator. It names rules and addresses. */
  readonly cause: string;
  /** Destination and cause, for the operator. A plugin gets the message of `pluginRefusal`. */
  readonly message: string;
  /** The allow rule that would open this and nothing else. Missing if a deny rule decides. */
  readonly suggestion?: string;
}

/** A name that may be looked up in DNS, as an absolute name without a search list. */
export interface ResolveVerdict {
  readonly kind: 'resolve';
  readonly name: string;
  readonly port: number;
  readonly decision: 'allow' | 'would_deny';
  readonly reason: Reason;
  readonly rule?: string;
}

/** The verdict before DNS is asked. */
export type RequestVerdict = { readonly kind: 'settled'; readonly decision: Decision } | ResolveVerdict;
