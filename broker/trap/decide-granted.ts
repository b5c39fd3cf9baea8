// What a connect to a bare address may do: under the names that led the sandbox to it, else as the literal it is. Runs in
// the broker; nothing is dialled here.
import { STALE_NAMES_CHECKED } from '../../shared/limits.js';
import type { Address } from '../../shared/policy/address.js';
import { decide, type HostContext } from '../../shared/policy/decide.js';
import type { Decision } from '../../shared/policy/decision.js';
import { makeDecision } from '../../shared/policy/make-decision.js';
import type { Policy } from '../../shared/policy/policy.js';
import type { Grants } from '../dns/grants.js';
import type { RequestLife } from '../limit/request-life.js';
import { askFamily } from '../request/ask-family.js';
import { denial, type Judgement } from '../request/judgement.js';
import type { Plugin } from '../request/plugin.js';
import type { Services } from '../request/services.js';

/** Where a connect goes, as its address was copied. */
export interface BareDestination {
  readonly address: Address;
  readonly port: number;
}

/** What the data path decides by. */
interface Case extends BareDestination {
  readonly services: Services;
  readonly plugin: Plugin;
  readonly grants: Grants;
  readonly policy: Policy;
  readonly host: HostContext;
}

/**
 * Decides a connect to an address: allowed where one granted name's rule, or a rule for the address, covers the port; a
 * deny rule on the address wins, another name's denial does not. A grant past its TTL counts once its name is found to
 * have the address still; else the reason is stale_grant.
 *
 * @param grants the same sandbox's, as its DnsServer holds them
 * @param life where it ends while DNS is asked, stale grants do not count
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
  const { fresh, stale } = grants.namesOf(address);
  const literal = plugin.verdicts.decide(policy, address, port, host);
  const named = literal.reason === 'denied_by_rule' ? [] : fresh.map((name) => judgeUnder(bare, name));
  const best = pickBest([...named, literal]);
  services.metrics.decisionTook((performance.now() - start) / 1000);
  const names = fresh.length > 0 ? fresh : stale;
  const settled = (decision: Decision): Judgement => ({ decision, policy, considered, names, dnsMs: null });
  if (best.decision === 'allow' || literal.reason === 'denied_by_rule') return settled(best);
  const hopeful = stale.filter((name) => judgeUnder(bare, name).decision !== 'deny');
  if (hopeful.length === 0) {
    const [name] = fresh.length === 0 ? stale : [];
    return settled(best.decision === 'deny' && name !== undefined ? judgeUnder(bare, name) : best);
  }
  return decideStale(bare, hopeful.slice(0, STALE_NAMES_CHECKED), best, life);
}

function judgeUnder({ policy, host, address, port }: Case, name: string): Decision {
  return decide(policy, { host: name, port }, [address], host);
}

const RANK = { allow: 2, would_deny: 1, deny: 0 } as const;

/** The kindest; of equals the first. */
function pickBest(decisions: readonly [...Decision[], Decision]): Decision {
  return decisions.reduce((best, next) => (RANK[next.decision] > RANK[best.decision] ? next : best));
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
  return { decision, policy, considered: [address], names: found, dnsMs: performance.now() - start };
}

/** Whether a name has an address still; the grant is renewed then. */
async function confirm({ services, plugin, grants, address }: Case, name: string): Promise<boolean> {
  const found = await askFamily(services, plugin, name, address.family);
  if (found?.kind !== 'addresses' || !found.addresses.some(({ text }) => text === address.text)) return false;
  grants.add(address, name, found.ttl);
  return true;
}
