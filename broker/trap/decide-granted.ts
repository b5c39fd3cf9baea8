// Decides a connect to a bare address, under the names by which the sandbox's DNS gave it, else as a literal. Runs in the broker, and dials
// nothing.

import type { Address } from '../../shared/policy/address.js';
import { judgeBare, pickBest } from '../../shared/policy/decide.js';
import { type Decision, makeDecision } from '../../shared/policy/decision.js';
import type { HostContext } from '../../shared/policy/host-block.js';
import type { Policy } from '../../shared/policy/policy.js';
import { approvalOf, decideOrApproved } from '../approval/ask-about.js';
import type { Grants } from '../dns/grants.js';
import type { RequestLife } from '../limit/request-life.js';
import { besideGateway } from '../request/beside-gateway.js';
import { askFamily, proxyResolves, unresolved } from '../request/decide-request.js';
import { denial, type Judgement } from '../request/judgement.js';
import type { Plugin, Services } from '../request/plugin.js';

/** Names whose stale grants of one address are checked again at one connect. */
const STALE_NAMES_CHECKED = 8;

/** A connect's destination, as copied. */
export interface BareDestination {
  readonly address: Address;
  readonly port: number;
}

/** One connect, and what decides it. */
interface Case extends BareDestination {
  readonly services: Services;
  readonly plugin: Plugin;
  readonly grants: Grants;
  readonly policy: Policy;
  readonly host: HostContext;
}

/**
 * The connect is allowed if a rule for one granted name, or for the address, covers the port. A deny rule on the address wins; a denial
 * of another name does not. A grant past its TTL counts once DNS confirms that the name still has the address. Otherwise the
 * reason is stale_grant.
 *
 * @param grants of the same sandbox's DnsServer
 * @param life if it ends during the lookup, stale grants do not count
 */
export function decideGranted(
  services: Services,
  plugin: Plugin,
  grants: Grants,
  { address, port }: BareDestination,
  life: RequestLife,
): Judgement | Promise<Judgement> {
  const { policy } = plugin;
  const considered = [address];
  if (policy === undefined)
    return denial('policy_unavailable', { host: address.text, port }, policy, considered);
  const start = performance.now();
  const host = services.host.context();
  const bare: Case = { services, plugin, grants, policy, host, address, port };
  const stood = plugin.upstream.proxy?.resolve === 'proxy' ? grants.standIns.nameOf(address) : undefined;
  if (stood !== undefined) return { ...judgeStoodFor(bare, stood), names: [stood] };
  const { fresh, stale } = grants.namesOf(address);
  const literal = plugin.verdicts.decide(policy, address, port, host);
  const best = orApprovedBare(bare, fresh, literal, judgeBare(policy, bare, fresh, literal, host));
  services.metrics.observe('decisionDuration', {}, (performance.now() - start) / 1000);
  const names = fresh.length > 0 ? fresh : stale;
  const settled = (decision: Decision): Judgement => ({
    decision: besideGateway(services, plugin, decision),
    ...{ policy, considered, names, dnsMs: null, ...approvalOf(plugin.asks, decision) },
  });
  if (best.decision === 'allow' || literal.reason === 'denied_by_rule') return settled(best);
  const hopeful = stale.filter((name) => judgeUnder(bare, name).decision !== 'deny');
  if (hopeful.length === 0) {
    const [name] = fresh.length === 0 ? stale : [];
    return settled(best.decision === 'deny' && name !== undefined ? judgeUnder(bare, name) : best);
  }
  return decideStale(bare, hopeful.slice(0, STALE_NAMES_CHECKED), best, life);
}

/** A connect to an address that stands for a name, which only the proxy resolves. */
function judgeStoodFor({ services, plugin, policy, host, port }: Case, name: string): Judgement {
  const verdict = plugin.verdicts.judge(policy, { host: name, port }, host);
  if (verdict.kind === 'settled') return { decision: verdict.decision, policy, considered: [], dnsMs: null };
  if (proxyResolves(services, plugin, verdict)) return unresolved(policy, verdict);
  // New rules may have come since its DNS answered.
  const cause = 'its DNS gave an address for it that only a proxy understands, and no proxy resolves it now';
  const decision = makeDecision({ decision: 'deny', reason: 'dns_error', host: name, port, cause });
  return { decision, policy, considered: [], dnsMs: null };
}

function judgeUnder({ plugin, policy, host, address, port }: Case, name: string): Decision {
  return decideOrApproved(plugin.asks, policy, { host: name, port }, [address], host);
}

/** What was approved counts where the rules leave the address unknown under all of its names. */
function orApprovedBare(bare: Case, names: readonly string[], literal: Decision, best: Decision): Decision {
  const { plugin, policy, host, address, port } = bare;
  if (!plugin.asks.on || best.decision !== 'deny' || literal.reason === 'denied_by_rule') return best;
  const itself = decideOrApproved(plugin.asks, policy, { host: address.text, port }, [], host);
  const approved = [...names.map((name) => judgeUnder(bare, name)), itself];
  return approved.find(({ decision }) => decision === 'allow') ?? best;
}

async function decideStale(
  bare: Case,
  names: readonly string[],
  otherwise: Decision,
  life: RequestLife,
): Promise<Judgement> {
  const { policy, address, port } = bare;
  const start = performance.now();
  const work = Promise.all(names.map((name) => confirm(bare, name)));
  const confirmed = (await life.orEnded(work)) ?? [];
  const found = names.filter((_, index) => confirmed[index] === true);
  const refusal = makeDecision({
    decision: 'deny',
    reason: 'stale_grant',
    host: names[0] ?? address.text,
    port,
  });
  const best = pickBest([...found.map((name) => judgeUnder(bare, name)), otherwise]);
  const decision = best.decision === 'deny' && found.length === 0 ? refusal : best;
  return {
    ...{ decision, policy, considered: [address], names: found, dnsMs: performance.now() - start },
    ...approvalOf(bare.plugin.asks, decision),
  };
}

/** Whether a name still has an address. If so the grant is renewed. */
async function confirm({ services, plugin, grants, address }: Case, name: string): Promise<boolean> {
  const found = await askFamily(services, plugin, name, address.family);
  if (found?.kind !== 'addresses' || !found.addresses.some(({ text }) => text === address.text)) return false;
  grants.add(address, name, found.ttl);
  return true;
}
