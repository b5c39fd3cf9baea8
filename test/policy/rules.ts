// Helpers of the policy tests: they turn rules into policies and texts into addresses.
import assert from 'node:assert/strict';
import { type Address, parseAddress } from '../../shared/policy/address.js';
import { compilePolicy, type Policy } from '../../shared/policy/compile-policy.js';
import { decide } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { type HostContext, OwnAddresses } from '../../shared/policy/host-block.js';
import type { Mode } from '../../shared/words.js';

export const ELSEWHERE: HostContext = { own: OwnAddresses.of(), listeners: [] };

/** The policy of valid rules. */
export function policyOf(
  allow: readonly string[],
  deny: readonly string[] = [],
  mode: Mode = 'enforce',
): Policy {
  const compiled = compilePolicy({ allow, deny, mode });
  assert.ok(compiled.ok, JSON.stringify(compiled));
  return compiled.policy;
}

/** The address of a valid text. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  assert.ok(address, text);
  return address;
}

/** Decides `host port` for a host with these addresses. */
export function ask(
  policy: Policy,
  destination: string,
  resolved: readonly string[] = [],
  context: HostContext = ELSEWHERE,
): Decision {
  const [host = '', port] = destination.split(' ');
  return decide(policy, { host, port: Number(port) }, resolved.map(addressOf), context);
}

/** A decision in a few words: `deny no_rule`, `allow rule 1.1.1.1`. */
export function inShort({ decision, reason, dial }: Decision): string {
  return [decision, reason, ...dial.map(({ text }) => text)].join(' ');
}
