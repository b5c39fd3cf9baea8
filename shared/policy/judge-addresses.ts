// The second half of a decision: which addresses of a name may be dialled. Pure. Does not trust the answers of DNS.
import type { Address } from './address.js';
import type { Decision, DroppedAddress, ResolveVerdict } from './decision.js';
import { type HostContext, isLoopback } from './host-block.js';
import { isLocalhost } from './is-localhost.js';
import { describeClass, makeDecision } from './make-decision.js';
import type { Policy } from './policy.js';
import { suggestAddress, suggestName } from './suggest-rule.js';
import { findAdmission, type Weight, weighAddress } from './weigh-address.js';

/** A weighed address of the name. */
interface Candidate {
  readonly address: Address;
  readonly weight: Weight;
  readonly verdict: 'kept' | 'address_denied' | 'address_special';
}

/**
 * Judges the addresses that a name resolved to.
 *
 * @param policy the rules that the verdict is from
 * @param verdict on the name
 * @param addresses the answers with CNAMEs followed, in the order to dial. None: the reason is `dns_error`
 * @param context this host's addresses and listeners
 * @returns the decision. `dial` keeps the order of the answers
 */
export function judgeAddresses(
  policy: Policy,
  verdict: ResolveVerdict,
  addresses: readonly Address[],
  context: HostContext,
): Decision {
  const { name: host, port, decision, reason, rule } = verdict;
  if (addresses.length === 0) return makeDecision({ decision: 'deny', reason: 'dns_error', host, port });
  const candidates = addresses.map((address) => judgeAddress(policy, verdict, address, context));
  const dial = candidates.filter((candidate) => candidate.verdict === 'kept').map(({ address }) => address);
  const dropped = candidates.flatMap(describeDropped);
  if (dial.length === 0) return refuse(verdict, candidates, dropped);
  const suggestion = decision === 'would_deny' ? suggestName(host, port) : undefined;
  return makeDecision({ decision, reason, rule, host, port, dial, dropped, suggestion });
}

function judgeAddress(
  policy: Policy,
  { name, port, decision }: ResolveVerdict,
  address: Address,
  context: HostContext,
): Candidate {
  const weight = weighAddress(policy, address, port, context);
  const judged = (verdict: Candidate['verdict']): Candidate => ({ address, weight, verdict });
  if (weight.denied) return judged('address_denied');
  const local = isLocalhost(name);
  if (local && !isLoopback(address)) return judged('address_special');
  // A rule for a name opens its public addresses. A rule for localhost opens loopback, but no listener of postern.
  const open = local ? decision === 'allow' && weight.class === 'loopback' : weight.class === 'public';
  return judged(open || findAdmission(policy.allow, address, port, weight) ? 'kept' : 'address_special');
}

function describeDropped({ address, weight, verdict }: Candidate): DroppedAddress[] {
  if (verdict === 'kept') return [];
  const rule = verdict === 'address_denied' ? weight.denied?.text : undefined;
  return [{ address, class: weight.class, reason: verdict, ...(rule !== undefined && { rule }) }];
}

/** No address is left. A denied address decides before a special one, whatever the order of the answers. */
function refuse(
  { name: host, port, decision }: ResolveVerdict,
  candidates: readonly Candidate[],
  dropped: readonly DroppedAddress[],
): Decision {
  const decisive = candidates.find(({ verdict }) => verdict === 'address_denied') ?? candidates[0];
  const reason = decisive?.verdict === 'address_denied' ? 'address_denied' : 'address_special';
  const about = decisive && {
    address: decisive.address,
    what: describeClass(decisive.weight.class, decisive.weight.purpose),
  };
  const rule = decisive?.weight.denied?.text;
  const suggestion =
    reason === 'address_denied' ? undefined : suggestOpening(host, port, decision, candidates);
  return makeDecision({ decision: 'deny', reason, rule, host, port, dropped, about, suggestion });
}

function suggestOpening(
  host: string,
  port: number,
  decision: ResolveVerdict['decision'],
  candidates: readonly Candidate[],
): string | undefined {
  const local = isLocalhost(host);
  const openable = candidates.find(({ address }) => !local || isLoopback(address));
  if (!openable) return undefined;
  return local && decision === 'would_deny'
    ? suggestName(host, port)
    : suggestAddress(openable.address, port);
}
