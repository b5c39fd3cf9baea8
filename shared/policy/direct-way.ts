// Which destinations go around a proxy (`via.direct`). A list of deny rules says it: without a port, such a rule covers every port. Pure.
import type { Address } from './address.js';
import type { HostContext } from './host-block.js';
import { openPorts } from './judge-name.js';
import { isEveryPort } from './parse-ports.js';
import type { Rule } from './parse-rule.js';
import type { Policy } from './policy.js';
import { weighAddress } from './weigh-address.js';

/**
 * The rule by which a connect goes around the proxy. A connect with several names or addresses goes around only if a rule covers each one of
 * them: what is uncertain goes to the proxy.
 *
 * @param direct its deny rules are the list
 * @param names the permitted names of the destination
 * @param dial the addresses that would be dialled
 * @returns the rule for the first name or address; undefined: the connect goes to the proxy
 */
export function directRule(
  direct: Policy,
  {
    names,
    dial,
    port,
  }: { readonly names: readonly string[]; readonly dial: readonly Address[]; readonly port: number },
  context: HostContext,
): Rule | undefined {
  return (
    ruleForAll(names, (name) => ruleForName(direct, name, port)) ??
    ruleForAll(dial, (address) => weighAddress(direct, address, port, context).denied)
  );
}

/** Whether a name goes around the proxy, so that it must be resolved here. @param port undefined: on any port */
export function isNamedDirect(direct: Policy, name: string, port: number | undefined): boolean {
  if (port !== undefined) return ruleForName(direct, name, port) !== undefined;
  return !isEveryPort(openPorts(direct, name).undenied);
}

function ruleForName({ deny }: Policy, name: string, port: number): Rule | undefined {
  return deny.matchName(name, port).rule ?? deny.matchAny(port).rule;
}

function ruleForAll<T>(all: readonly T[], find: (one: T) => Rule | undefined): Rule | undefined {
  const rules = all.map(find);
  // protects: G7 what goes around a proxy by one of its names does not go by the other => return rules.find((rule) => rule !== undefined);
  return rules.includes(undefined) ? undefined : rules[0];
}
