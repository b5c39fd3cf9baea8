// The answers to a sandbox's questions, as values. Pure.
import type { Address } from '../../shared/policy/address.js';
import type { QuestionAnswer } from '../../shared/reasons.js';

/** RFC 1035 section 4.1.1 and RFC 6891 section 9. */
export type ResponseCode = 'noerror' | 'formerr' | 'servfail' | 'nxdomain' | 'notimp' | 'refused' | 'badvers';

/** Addresses stand under the name that was asked for. There is no CNAME. */
export interface DnsAnswer {
  /** For the metrics. */
  readonly answer: QuestionAnswer;
  readonly code: ResponseCode;
  /** Of the family that was asked for. */
  readonly addresses: readonly Address[];
  /** Seconds. */
  readonly ttl: number;
  /** Why the rules withhold something. An asker with EDNS gets it as Extended DNS Error 15, RFC 8914 section 4.16. */
  readonly blocked?: string;
}

/** A name that the rules open. Without addresses it has none of the type. */
export function granted(addresses: readonly Address[] = [], ttl = 0): DnsAnswer {
  return { answer: 'granted', code: 'noerror', addresses, ttl };
}

/** A name that the rules do not open. For the sandbox it does not exist. */
export function refusedName(blocked: string): DnsAnswer {
  return { answer: 'refused', code: 'nxdomain', addresses: [], ttl: 0, blocked };
}

/** A name with addresses of a family, none of which may be dialled. Addresses of its other family may be. */
export function refusedAddresses(): DnsAnswer {
  const blocked = 'no address that may be dialled';
  return { answer: 'refused', code: 'noerror', addresses: [], ttl: 0, blocked };
}

/** A question that could not be answered. */
export function failed(code: ResponseCode): DnsAnswer {
  return { answer: 'error', code, addresses: [], ttl: 0 };
}
