// The first half of the data path: decide, resolve, classify. Runs in the broker, and dials nothing.
import { judgeAddresses } from '../../shared/policy/decide.js';
import { makeDecision, type ResolveVerdict } from '../../shared/policy/decision.js';
import { isNamedDirect } from '../../shared/policy/direct-way.js';
import type { Policy } from '../../shared/policy/policy.js';
import { approvalOf, orApproved } from '../approval/ask-about.js';
import type { RequestLife } from '../limit/request-life.js';
import type { FamilyAnswer } from '../names/name-servers.js';
import { countLookup } from '../record/metrics.js';
import { besideGateway } from './beside-gateway.js';
import { type Destination, denial, type Judgement, refuseDescriptor } from './judgement.js';
import type { Plugin, Services } from './plugin.js';

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
  const seconds = (performance.now() - start) / 1000;
  if (verdict.kind === 'resolve' && proxyResolves(services, plugin, verdict))
    return unresolved(policy, verdict);
  if (verdict.kind === 'resolve') return decideName(services, plugin, policy, verdict, life, seconds);
  services.metrics.observe('decisionDuration', {}, seconds);
  const { decision } = verdict;
  return {
    decision: besideGateway(services, plugin, decision),
    ...{ policy, considered: [], dnsMs: null, ...approvalOf(plugin.asks, decision) },
  };
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
  const judged = judgeAddresses(policy, verdict, addresses, services.host.context());
  const decision = besideGateway(services, plugin, judged);
  services.metrics.observe('decisionDuration', {}, secondsSoFar + (performance.now() - answered) / 1000);
  for (const dropped of decision.dropped)
    services.metrics.count('addressesDropped', { class: dropped.class });
  const approval = approvalOf(plugin.asks, { host, port, reason: verdict.reason });
  const judgement = { decision, policy, considered: addresses, dnsMs, ...approval };
  return result === 'ok' ? judgement : { ...judgement, dnsFailure: result };
}

// Whether only the proxy resolves a name (`resolve: proxy`).

/**
 * No address of such a name can be checked. So a rule must name it: what mode audit or an answer to a question permits does not go this way. A
 * name that the host knows without DNS does not either, and none that goes around the proxy.
 *
 * @param verdict without a port for a DNS question: a name that goes around the proxy on any port is resolved here
 */
export function proxyResolves(
  services: Services,
  { upstream, names }: Plugin,
  {
    name,
    port,
    decision,
    reason,
  }: Pick<ResolveVerdict, 'name' | 'decision' | 'reason'> & { readonly port?: number },
): boolean {
  return (
    upstream.proxy?.resolve === 'proxy' &&
    /* protects: G6 a name that no rule names does not go to a proxy unchecked */ decision === 'allow' &&
    /* protects: G6 a name that no rule names does not go to a proxy unchecked */ reason === 'rule' &&
    /* protects: G6 a name that goes around a proxy is resolved and checked here */ !(
      upstream.direct !== undefined && isNamedDirect(upstream.direct, name, port)
    ) &&
    !(names ?? services.names).knows(name)
  );
}

/** What becomes of a name that only the proxy resolves: it is permitted, and there is no address to dial. */
export function unresolved(
  policy: Policy,
  { name: host, port, decision, reason, rule }: ResolveVerdict,
): Judgement {
  return {
    decision: makeDecision({ decision, reason, rule, host, port }),
    policy,
    considered: [],
    dnsMs: null,
  };
}

// One question to the resolver, counted for the plugin that asks and in the metrics of DNS.

/** @returns undefined where the plugin has too many unanswered questions, or no room for the sockets of one more; a promise never rejects */
export function askFamily(
  services: Services,
  plugin: Plugin,
  name: string,
  family: 4 | 6,
): FamilyAnswer | undefined | Promise<FamilyAnswer> {
  if (!plugin.questions.admit()) return undefined;
  const pending = (plugin.names ?? services.names).resolveFamily(name, family, plugin.descriptors);
  if (pending === undefined) plugin.metrics.count('limitRejections', { limit: 'broker_descriptors' });
  return pending instanceof Promise ? awaitAnswer(services, plugin.questions.track(pending)) : pending;
}

async function awaitAnswer({ metrics }: Services, pending: Promise<FamilyAnswer>): Promise<FamilyAnswer> {
  const start = performance.now();
  const found = await pending;
  const { kind } = found;
  countLookup(metrics, kind === 'addresses' || kind === 'nodata' ? 'ok' : kind, performance.now() - start);
  return found;
}
