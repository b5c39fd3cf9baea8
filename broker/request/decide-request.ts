// The first half of the data path: decide, resolve, classify. Runs in the broker, and dials nothing.
import { judgeAddresses, type RequestVerdict, type ResolveVerdict } from '../../shared/policy/decide.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import { orApproved } from '../ask/approved.js';
import type { RequestLife } from '../limit/request-life.js';
import { countLookup } from '../record/count-lookup.js';
import { refuseDescriptor } from './admit-connection.js';
import { type Destination, denial, type Judgement } from './judgement.js';
import type { Plugin } from './plugin.js';
import { proxyResolves, unresolved } from './proxy-resolves.js';
import type { Services } from './services.js';

/**
 * Decides a request by the rules in force now.
 *
 * @param life if it ends during the lookup, the decision is the one on the name, with nothing to dial
 */
export function decideRequest(
  services: Services,
  plugin: Plugin,
  { host, port }: Destination,
  life: RequestLife,
): Judgement | Promise<Judgement> {
  const { policy } = plugin;
  if (policy === undefined) return denial('policy_unavailable', { host, port }, policy);
  const start = performance.now();
  const context = services.host.context();
  const verdict = orApproved(
    plugin.asks,
    policy,
    plugin.verdicts.judge(policy, { host, port }, context),
    context,
  );
  const answered = approvalOf(plugin, verdict);
  const seconds = (performance.now() - start) / 1000;
  if (verdict.kind === 'resolve' && proxyResolves(services, plugin, verdict))
    return unresolved(policy, verdict);
  if (verdict.kind === 'resolve') return decideName(services, plugin, policy, verdict, life, seconds);
  services.metrics.observe('decisionDuration', {}, seconds);
  return { decision: verdict.decision, policy, considered: [], dnsMs: null, ...answered };
}

/** Who approved it, if it was. */
function approvalOf({ asks }: Plugin, verdict: RequestVerdict): Pick<Judgement, 'answered'> {
  if (verdict.kind === 'resolve')
    return verdict.reason === 'approved'
      ? { answered: asks.approvals.find({ host: verdict.name, port: verdict.port }) }
      : {};
  const { decision } = verdict;
  return decision.reason === 'approved' ? { answered: asks.approvals.find(decision) } : {};
}

async function decideName(
  services: Services,
  plugin: Plugin,
  policy: Policy,
  verdict: ResolveVerdict,
  life: RequestLife,
  secondsSoFar: number,
): Promise<Judgement> {
  const { name: host, port } = verdict;
  if (!plugin.questions.admit()) return denial('rate_limited', { host, port }, policy);
  const asked = performance.now();
  const pending = (plugin.names ?? services.names).resolve(host, plugin.descriptors);
  if (pending === undefined)
    return refuseDescriptor(plugin, denial('concurrency_limited', { host, port }, policy));
  const resolution =
    pending instanceof Promise ? await life.orEnded(plugin.questions.track(pending)) : pending;
  const answered = performance.now();
  const dnsMs = answered - asked;
  if (resolution?.asked === true) countLookup(services.metrics, resolution.result, dnsMs);
  if (resolution === undefined && life.ended === 'canceled') {
    const { decision, reason, rule } = verdict;
    return { decision: makeDecision({ decision, reason, rule, host, port }), policy, considered: [], dnsMs };
  }
  const { result, addresses } = resolution ?? { result: 'timeout', addresses: [] };
  const decision = judgeAddresses(policy, verdict, addresses, services.host.context());
  services.metrics.observe('decisionDuration', {}, secondsSoFar + (performance.now() - answered) / 1000);
  for (const dropped of decision.dropped)
    services.metrics.count('addressesDropped', { class: dropped.class });
  const judgement = { decision, policy, considered: addresses, dnsMs, ...approvalOf(plugin, verdict) };
  return result === 'ok' ? judgement : { ...judgement, dnsFailure: result };
}
