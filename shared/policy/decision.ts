// What is asked of a policy, and what it answers: values alone.
import type { AddressClass, DecisionWord, Reason } from '../reasons.js';
import type { Address } from './address.js';

/** What a plugin asks for. Its types are a promise of nobody's: the values are checked when they are judged. */
export interface Request {
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An address that a name has, and that is not dialled. */
export interface DroppedAddress {
  readonly address: Address;
  readonly class: AddressClass;
  readonly reason: 'address_denied' | 'address_special';
  /** The deny rule, where one covers it. */
  readonly rule?: string;
}

/** A request, decided. */
export interface Decision {
  readonly decision: DecisionWord;
  readonly reason: Reason;
  /** The rule that decided, as it was written. */
  readonly rule?: string;
  /** Canonical where it could be read, else as asked, cut at 256 characters: print it quoted. */
  readonly host: string;
  /** As asked; 0 where that was no finite number. */
  readonly port: number;
  /** What may be dialled, in the order that was answered. Empty for a denial. */
  readonly dial: readonly Address[];
  /** What a name resolved to and may not be dialled. Empty for a literal. */
  readonly dropped: readonly DroppedAddress[];
  /** Why, for the operator: names rules and addresses. */
  readonly cause: string;
  /** Destination and cause, for the operator. A plugin gets `pluginRefusal`'s. */
  readonly message: string;
  /** The one allow rule that would open this and nothing else; none where a deny rule decides. */
  readonly suggestion?: string;
}

/** A name that DNS may be asked for, as absolute: no search list. */
export interface ResolveVerdict {
  readonly kind: 'resolve';
  readonly name: string;
  readonly port: number;
  readonly decision: 'allow' | 'would_deny';
  readonly reason: Reason;
  readonly rule?: string;
}

/** What can be said before DNS. */
export type RequestVerdict = { readonly kind: 'settled'; readonly decision: Decision } | ResolveVerdict;
