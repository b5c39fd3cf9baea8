// Decides a connect to a bare address: under each name that led the sandbox to it, and as a literal. Pure.
import type { Address } from './address.js';
import { decide, type HostContext } from './decide.js';
import type { Decision } from './decision.js';
import type { Policy } from './policy.js';

/**
 * One allow rule is enough, for the address or for one of the names. A deny rule on the address wins; a denial of another name does not.
 *
 * @param names that DNS gave this address for
 * @param literal the decision on the address itself
 */
export function judgeBare(
  policy: Policy,
  { address, port }: { readonly address: Address; readonly port: number },
  names: readonly string[],
  literal: Decision,
  context: HostContext,
): Decision {
  const counted = literal.reason === 'denied_by_rule' ? [] : names;
  return pickBest([
    ...counted.map((name) => decide(policy, { host: name, port }, [address], context)),
    literal,
  ]);
}

const RANK = { allow: 2, would_deny: 1, deny: 0 } as const;

/** The most permissive decision; the first of equal ones. */
export function pickBest(decisions: readonly [...Decision[], Decision]): Decision {
  return decisions.reduce((best, next) => (RANK[next.decision] > RANK[best.decision] ? next : best));
}
