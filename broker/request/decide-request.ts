// The first half of the data path: decide, resolve, classify. Runs in the broker; nothing is dialled here.
import { DNS_QUESTIONS } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import { type Decision, judgeAddresses, type ResolveVerdict } from '../../shared/policy/decide.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { RequestLife } from '../limit/request-life.js';
import type { Resolution } from '../names/resolve.js';
import type { Plugin } from './plugin.js';
import type { Services } from './services.js';

/** What is asked for. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** A decision with what it took. */
export interface Judgement {
  readonly decision: Decision;
  /** The rules it was made by. */
  readonly policy: Policy | undefined;
  /** The names that led a sandbox to a bare address. */
  readonly names?: readonly string[];
  /** What the name resolved to. */
  readonly considered: readonly Address[];
  readonly dnsMs: number | null;
  /** How DNS failed, where it did. */
  readonly dnsFailure?: Exclude<Resolution['result'], 'ok'>;
}

/**
 * Decides a request by the rules in force now.
 *
 * @param life where it ends while DNS is asked, the decision is the one on the name, with nothing to dial
 */
export function decideRequest(
  services: Services,
  plugin: Plugin,
  { host, port }: Destination,
  life: RequestLife,
): Judgement | Promise<Judgement> {
  const { policy } = plugin;
  if (policy === undefined) {
    const decision = makeDecision({ decision: 'deny', reason: 'policy_unavailable', host, port });
    return { decision, policy, considered: [], dnsMs: null };
  }
  const start = performance.now();
  const verdict = plugin.verdicts.judge(policy, { host, port }, services.host.context());
  const seconds = (performance.now() - start) / 1000;
  if (verdict.kind === 'resolve') return decideName(services, plugin, policy, verdict, life, seconds);
  services.metrics.decisionTook(seconds);
  return { decision: verdict.decision, policy, considered: [], dnsMs: null };
}

async function decideName(
  services: Services,
  plugin: Plugin,
  policy: Policy,
  verdict: ResolveVerdict,
  life: RequestLife,
  secondsSoFar: number,
): Promise<Judgement> {
  if (plugin.questions >= DNS_QUESTIONS) {
    plugin.metrics.limited('dns_rate');
    const { name: host, port } = verdict;
    return {
      decision: makeDecision({ decision: 'deny', reason: 'rate_limited', host, port }),
      policy,
      considered: [],
      dnsMs: null,
    };
  }
  const asked = performance.now();
  const pending = services.names.resolve(verdict.name);
  if (pending instanceof Promise) {
    // Counted until it is answered: a request with a short time limit ends long before its question does.
    plugin.questions += 1;
    void pending.then(() => {
      plugin.questions -= 1;
    });
  }
  const resolution = pending instanceof Promise ? await life.orEnded(pending) : pending;
  const answered = performance.now();
  const dnsMs = answered - asked;
  if (resolution?.asked === true) services.metrics.dnsLookup(resolution.result, dnsMs);
  if (resolution === undefined && life.ended === 'canceled') {
    const { decision, reason, rule, name: host, port } = verdict;
    return { decision: makeDecision({ decision, reason, rule, host, port }), policy, considered: [], dnsMs };
  }
  const { result, addresses } = resolution ?? { result: 'timeout', addresses: [] };
  const decision = judgeAddresses(policy, verdict, addresses, services.host.context());
  services.metrics.decisionTook(secondsSoFar + (performance.now() - answered) / 1000);
  for (const dropped of decision.dropped) services.metrics.addressDropped(dropped.class);
  const judgement = { decision, policy, considered: addresses, dnsMs };
  return result === 'ok' ? judgement : { ...judgement, dnsFailure: result };
}
