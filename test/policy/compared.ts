// Whether a policy lets a request through, for the tests of the comparison of two policies.

import { parseAddress } from '../../shared/policy/address.js';
import type { PolicySource } from '../../shared/policy/compile-policy.js';
import { decide } from '../../shared/policy/decide.js';
import { OwnAddresses } from '../../shared/policy/host-block.js';
import { addressOf, ELSEWHERE, policyOf } from './rules.js';

export interface Compared {
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
  /** The only address of a name. */
  readonly resolved: string;
  /** Whether the address is one of the host, or where postern listens. */
  readonly where: 'own' | 'listener' | undefined;
}

export function passes(
  { allow, deny, mode }: PolicySource,
  { host, port, resolved, where }: Compared,
): boolean {
  const address = parseAddress(host) ?? addressOf(resolved);
  const own = where === 'own' ? OwnAddresses.of(address) : ELSEWHERE.own;
  const listeners = where === 'listener' ? [{ address, port }] : [];
  return (
    decide(policyOf(allow, deny, mode), { host, port }, [address], { own, listeners }).decision !== 'deny'
  );
}
