// What a sandbox's question is answered: a value, of pure functions. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';
import type { QuestionAnswer } from '../../shared/reasons.js';

/** RFC 1035 section 4.1.1 and RFC 6891 section 9. */
export type ResponseCode = 'noerror' | 'formerr' | 'servfail' | 'nxdomain' | 'notimp' | 'refused' | 'badvers';

/** An answer: addresses stand under the name that was asked for, and no CNAME is told. */
export interface DnsAnswer {
  /** How it counts. */
  readonly answer: QuestionAnswer;
  readonly code: ResponseCode;
  /** Of the family that was asked for. */
  readonly addresses: readonly Address[];
  /** Seconds. */
  readonly ttl: number;
  /** Where the rules withhold something: told as Extended DNS Error 15, RFC 8914 section 4.16, to whoever knows EDNS. */
  readonly blocked?: string;
}

/** Addresses, or none of that type for a name that is open. */
export function granted(addresses: readonly Address[] = [], ttl = 0): DnsAnswer {
  return { answer: 'granted', code: 'noerror', addresses, ttl };
}

/** A name that the rules do not open: for the sandbox there is none. */
export function refusedName(blocked: string): DnsAnswer {
  return { answer: 'refused', code: 'nxdomain', addresses: [], ttl: 0, blocked };
}

/** A name whose addresses of a family may none be dialled; its other family may well be. */
export function refusedAddresses(): DnsAnswer {
  const blocked = 'no address that may be dialled';
  return { answer: 'refused', code: 'noerror', addresses: [], ttl: 0, blocked };
}

/** What could not be answered. */
export function failed(code: ResponseCode): DnsAnswer {
  return { answer: 'error', code, addresses: [], ttl: 0 };
}
