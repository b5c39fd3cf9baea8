// What a refused connect to a bare address says if the plugin has a gateway on that port. No rule may open addresses there, so none is suggested: the program must
// connect by the name. Which name that is, is said only if DNS has given the address for it and the answer still counts. No server is asked. Nor is a rule
// suggested for a special address of a gateway's own host: the gateway has a key for those. Runs in the broker.
import { gatewayName, ownerOfGateway } from '../../shared/gateway.js';
import { type Decision, makeDecision } from '../../shared/policy/decision.js';
import { openPorts } from '../../shared/policy/judge-name.js';
import { parseHost } from '../../shared/policy/parse-host.js';
import { quote } from '../../shared/policy/quote.js';
import type { Plugin, Services } from './plugin.js';

export function besideGateway(
  { plugins, names }: Pick<Services, 'plugins' | 'names'>,
  { name, gateways }: Pick<Plugin, 'name' | 'gateways'>,
  decision: Decision,
): Decision {
  const { host, port } = decision;
  if (ownerOfGateway(name) !== name) return ofOwnHost(decision);
  if (gateways.size === 0 || decision.suggestion === undefined || parseHost(host)?.kind !== 'address')
    return decision;
  const gateway = plugins.get(gatewayName(name));
  const policy = gateway?.policy;
  if (gateway === undefined || policy === undefined) return decision;
  const hosts = [...gateways.keys()].filter((one) =>
    openPorts(policy, one).allowed.some(({ low, high }) => low <= port && port <= high),
  );
  if (hosts.length === 0) return decision;
  const resolver = gateway.names ?? names;
  const meant = hosts.find((one) => resolver.known(one).some(({ text }) => text === host));
  const instead =
    meant === undefined
      ? `the plugin has a gateway on port ${port}, so no rule may open addresses there. Connect by the name of the host`
      : `it is an address of ${quote(meant)}, which has a gateway. Connect by that name`;
  return withoutRule(decision, instead);
}

function ofOwnHost(decision: Decision): Decision {
  const { host, suggestion } = decision;
  if (decision.decision !== 'deny' || suggestion === undefined) return decision;
  return withoutRule(decision, `add ${JSON.stringify(suggestion)} to gateway.${host}.addresses`);
}

function withoutRule(decision: Decision, instead: string): Decision {
  const { suggestion: _, nameSuggestion: __, ...grounds } = decision;
  return makeDecision({ ...grounds, cause: `${decision.cause}; ${instead}` });
}
