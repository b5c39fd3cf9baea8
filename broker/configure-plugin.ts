// Puts a plugin's rules in force, with what else the supervisor says of it. Runs in the broker.
import { gatewayAddress } from '../shared/gateway.js';
import { KEPT_TEXT, TOLD_PROBLEMS } from '../shared/limits.js';
import { compilePolicy } from '../shared/policy/compile-policy.js';
import { judgeRequest } from '../shared/policy/decide.js';
import { mayBeAsked } from '../shared/policy/may-be-asked.js';
import type { Policy, RuleProblem } from '../shared/policy/policy.js';
import type { BrokerLine, SupervisorLine } from '../shared/protocol/link.js';
import type { Asked } from './approval/plugin-asks.js';
import type { ResolverSets } from './names/name-cache.js';
import type { Plugin, Services } from './request/plugin.js';
import { upstreamOf } from './upstream/upstream.js';

type PluginLine = SupervisorLine & { readonly type: 'plugin' };

/** @returns the answer. If a rule is invalid, the former rules stay, and the answer has the problems */
export function configurePlugin(
  plugin: Plugin,
  line: PluginLine,
  services: Services,
  resolvers: ResolverSets,
): BrokerLine {
  const { allow, deny, mode } = line;
  const compiled = compilePolicy({ allow, deny, mode });
  const direct = compilePolicy({ allow: [], deny: line.via?.direct ?? [] });
  if (compiled.ok && direct.ok) {
    putInForce(plugin, compiled.policy, direct.policy, line, services, resolvers);
    return { type: 'plugin_ready', plugin: plugin.name, policyHash: compiled.policy.hash };
  }
  const problems = [
    ...(compiled.ok ? [] : compiled.problems.map((problem) => textOf(problem.list, problem))),
    ...(direct.ok ? [] : direct.problems.map((problem) => textOf('via.direct', problem))),
  ];
  const told = problems.slice(0, TOLD_PROBLEMS).map((problem) => problem.slice(0, KEPT_TEXT));
  return { type: 'plugin_refused', plugin: plugin.name, problems: told };
}

function textOf(list: string, { text, message, suggestion }: RuleProblem): string {
  const fix = suggestion === undefined ? '' : ` (write "${suggestion}")`;
  return `${list} "${text}": ${message}${fix}`;
}

function putInForce(
  plugin: Plugin,
  policy: Policy,
  direct: Policy,
  { limits, via, unknown, approved = [], revoke = 'drain', gateways = [] }: PluginLine,
  services: Services,
  resolvers: ResolverSets,
): void {
  plugin.configure(policy, limits, via && upstreamOf(via, via.direct && direct));
  plugin.gateways = new Map(
    gateways.flatMap((names, index) => names.map((name) => [name, gatewayAddress(index)] as const)),
  );
  const { resolvers: servers, source = [] } = via ?? {};
  plugin.names = resolvers.use(plugin.name, servers && { servers, from: source });
  const isOpen = (asked: Asked): boolean => {
    const host = services.host.context();
    const verdict = judgeRequest(policy, asked, host);
    return verdict.kind === 'settled' && mayBeAsked(policy, verdict.decision, host);
  };
  plugin.asks.configure(unknown === 'ask', approved, isOpen);
  if (unknown === 'ask') plugin.shows('ask');
  plugin.revoke = revoke;
  // protects: G7 new rules decide again on open connections
  plugin.revokeConnections();
  plugin.watchLimits();
}
