// Names that mean the sandbox itself, and names that get no answer. No rule and no server is asked about them. Pure.
import { LOCAL_TTL_S } from '../../shared/limits.js';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { isLocalhost } from '../../shared/policy/is-localhost.js';
import { type DnsAnswer, granted } from './dns-answer.js';

const LOOPBACK: readonly Address[] = ['127.0.0.1', '::1']
  .map(parseAddress)
  .filter((address) => address !== undefined);

/** The answer for `localhost` and names below it, RFC 6761 section 6.3: the sandbox's own loopback, not the host's. */
export function answerLocalhost(name: string, family: 4 | 6 | undefined): DnsAnswer | undefined {
  return isLocalhost(name) ? answerLoopback(family) : undefined;
}

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
