// The answer for names that mean the sandbox itself, and names that get no answer. Pure.
import { LOCAL_TTL_S } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { type DnsAnswer, granted } from './dns-answer.js';

const LOOPBACK: readonly Address[] = ['127.0.0.1', '::1']
  .map(parseAddress)
  .filter((address) => address !== undefined);

/** The sandbox's own loopback. */
export function answerLoopback(family: 4 | 6 | undefined): DnsAnswer {
  return granted(
    LOOPBACK.filter((address) => address.family === family),
    LOCAL_TTL_S,
  );
}

/** Whether a name is an address written backwards, RFC 1035 section 3.5 and RFC 3596 section 2.5. */
export function isReverse(name: string): boolean {
  return /(?:^|\.)(?:in-addr|ip6)\.arpa$/.test(name);
}
