// Keeps the rules of plugins within a policy. Pure. Which rules go beyond it is found by the comparison that `check --within` makes: exact, with a destination
// as the example. Deny rules of the policy hold for every plugin. An allow rule of a plugin that goes beyond the policy is left out, whole: no rule is changed
// into one that nobody has written. What is left is compared once more, so what is in force lies within the policy whatever was left out.
// For a host that the policy has a gateway for, the rules for methods and paths of a plugin's gateway are bounded likewise. Without a gateway a plugin does not reach it.
import type { GatewayHost } from '../../../shared/config/gateway-keys.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type HttpComparison, httpOpenings } from '../../../shared/policy/compare-http.js';
import { exampleOf, type Opening, openings } from '../../../shared/policy/compare-policies.js';
import { type HttpRules, httpRulesOf } from '../../../shared/policy/http-rules.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import type { Boundary, PolicySource } from '../../../shared/policy/policy.js';
import { gatewayConfig } from '../gateway/plugin-gateway.js';

/** What of a plugin is not in force, since the policy does not allow it. */
export interface Beyond {
  readonly plugin: string;
  /** An allow rule, or `mode: audit`. */
  readonly what: string;
  /** A destination that it opens and the policy does not. */
  readonly example: string;
}

/** No policy is there yet. */
export const NOTHING_ALLOWED: PolicySource = { allow: [], deny: [] };

/** What a plugin may reach beyond a boundary, by itself or by its gateway. */
export function* openingsBeyond(plugin: PluginConfig, boundary: Boundary): Generator<Opening, void> {
  yield* openings(directly(plugin, boundary), withoutHosts(boundary));
  const gateway = gatewayConfig(plugin);
  // protects: G24 policy: special addresses of a gateway's host lie within it too
  if (gateway !== undefined) yield* openings(gateway, boundary);
}

/** A plugin reaches the hosts of its gateway by that alone. */
function directly(plugin: PluginConfig, { gateway }: Boundary): PolicySource {
  // Without hosts of the boundary's it makes no difference, and the names of rules are told as they are.
  if (gateway === undefined || gateway.size === 0) return plugin;
  return { ...plugin, deny: [...plugin.deny, ...(plugin.gateway ?? []).map(({ host }) => host)] };
}

/** What the boundary lets through without a gateway. */
function withoutHosts({ gateway, ...rules }: Boundary): PolicySource {
  return {
    ...rules,
    deny: [
      ...rules.deny,
      /* protects: G24 policy: a host that it has a gateway for is reached by one alone */ ...(gateway?.keys() ??
        []),
    ],
  };
}

/** Requests of one host that go beyond a boundary. */
export interface RequestsBeyond extends HttpComparison {
  readonly host: string;
}

/** What the gateway of a plugin lets through, and the boundary does not. @param most as {@link httpOpenings} has it */
export function requestsBeyond(
  plugin: PluginConfig,
  { gateway }: Boundary,
  most?: number,
): readonly RequestsBeyond[] {
  return (plugin.gateway ?? []).flatMap((one): readonly RequestsBeyond[] => {
    const bound = gateway?.get(one.host);
    // A host without a port is not reached.
    if (bound === undefined || one.ports.length === 0) return [];
    const compared = httpOpenings(requestsOf(one, plugin), bound, most);
    return compared.isWhole && compared.openings.length === 0 ? [] : [{ host: one.host, ...compared }];
  });
}

/** The requests that a gateway lets through, in mode `audit` also those that no rule allows. */
export function requestsOf({ allow, deny }: GatewayHost, { mode }: Pick<PluginConfig, 'mode'>): HttpRules {
  const everyPath = mode === 'audit' && allow.length > 0;
  return { allow: httpRulesOf(everyPath ? ['* /**'] : allow), deny: httpRulesOf(deny) };
}

type LeaveOut = (what: string, example: string) => void;

/** @returns the plugin with what the boundary allows of its rules, and what it does not */
export function narrow(
  plugin: PluginConfig,
  boundary: Boundary,
): { readonly config: PluginConfig; readonly beyond: readonly Beyond[] } {
  const beyond: Beyond[] = [];
  const leaveOut: LeaveOut = (what, example) => void beyond.push({ plugin: plugin.name, what, example });
  // protects: G24 policy: mode audit does not go beyond it => const isAudit = false;
  const isAudit = plugin.mode === 'audit';
  const bounded = withHosts(plugin, boundary, leaveOut);
  if (isWithin(bounded, boundary)) return { config: bounded, beyond };
  const outer = withoutHosts(boundary);
  const keep = (
    rules: readonly string[],
    deny: readonly string[],
    against: PolicySource,
  ): readonly string[] =>
    rules.filter((rule) => {
      const [opening] = openings({ allow: [rule], deny }, against);
      if (opening !== undefined) leaveOut(rule, exampleOf(opening));
      return opening === undefined;
    });
  if (isAudit) leaveOut('mode: audit', 'every public destination');
  const { deny: directDeny } = directly(bounded, boundary);
  let allow = keep(bounded.allow, directDeny, outer);
  // Two rules may open together what neither opens alone, as a name and its special address.
  for (const opening of together(() => ({ allow, deny: directDeny }), outer)) {
    const others = allow.filter((rule) => rule !== opening.rule);
    leaveOut(opening.rule ?? '', exampleOf(opening));
    allow = others.length < allow.length ? others : [];
  }
  const { deny } = bounded;
  const narrowed: PluginConfig = { ...bounded, mode: isAudit ? 'enforce' : plugin.mode, allow };
  if (bounded.gateway === undefined) return { config: narrowed, beyond };
  const gateway = bounded.gateway.map((one) => ({
    ...one,
    // The ports are those of the plugin's rules, which are told already.
    ports: one.ports.filter(
      (port) => openings({ allow: [`${one.host}:${port}`], deny }, boundary).next().done,
    ),
    addresses: keep(one.addresses ?? [], deny, boundary),
  }));
  const config = { ...narrowed, gateway };
  if (isWithin(config, boundary)) return { config, beyond };
  return {
    config: { ...narrowed, gateway: gateway.map((one) => ({ ...one, ports: [], addresses: [] })) },
    beyond,
  };
}

/** With the deny rules of the boundary, and with its hosts closed where the plugin has no gateway for them. */
function withHosts(plugin: PluginConfig, boundary: Boundary, leaveOut: LeaveOut): PluginConfig {
  const own = plugin.gateway?.map(({ host }) => host) ?? [];
  const closed = [...(boundary.gateway?.keys() ?? [])].filter((host) => !own.includes(host));
  const isForClosed = (rule: string): boolean => {
    const target = parseRule(rule, 'allow')?.target;
    return target?.kind === 'name' && closed.includes(target.name);
  };
  for (const rule of plugin.allow.filter(isForClosed)) leaveOut(rule, 'this host without a gateway');
  const bounded: PluginConfig = {
    ...plugin,
    allow: plugin.allow.filter((rule) => !isForClosed(rule)),
    deny: [
      ...new Set([
        ...plugin.deny,
        /* protects: G24 policy: its deny rules hold for every plugin */ ...boundary.deny,
        // So a wide rule stays, without these hosts.
        ...closed,
      ]),
    ],
  };
  if (plugin.gateway === undefined) return bounded;
  const gateway = plugin.gateway.map((host) =>
    withRequests(host, boundary.gateway?.get(host.host), leaveOut),
  );
  return { ...bounded, gateway };
}

/** Beginnings of paths that are compared: a start waits for it. Of rules with more, nothing is in force. */
export const MOST_BEGINNINGS = 5000;

/** @param bound undefined: the boundary says nothing of its requests @returns the host with what the boundary allows of its rules */
function withRequests(host: GatewayHost, bound: HttpRules | undefined, leaveOut: LeaveOut): GatewayHost {
  if (bound === undefined) return host;
  const deny = [
    ...new Set([
      ...host.deny,
      /* protects: G24 policy: its deny rules for requests hold for every gateway */ ...bound.deny.map(
        ({ text }) => text,
      ),
    ]),
  ];
  const isBeyond = (allow: readonly string[], what: string): boolean => {
    const inner = { allow: httpRulesOf(allow), deny: httpRulesOf(deny) };
    const { openings: found, isWhole } = httpOpenings(inner, bound, MOST_BEGINNINGS);
    if (isWhole && found.length === 0) return false;
    const { methods = ['*'], target = '/**' } = found[0] ?? {};
    leaveOut(`gateway.${host.host}: ${what}`, `${methods.join()} ${target}`);
    return true;
  };
  const closed = { ...host, deny, ports: [] };
  if (host.allow.length === 0) return isBeyond([], 'without allow') ? closed : { ...host, deny };
  const allow = host.allow.filter((rule) => !isBeyond([rule], rule));
  // Without a rule, everything would be open.
  return allow.length === 0 ? closed : { ...host, deny, allow };
}

/** The first opening of what the rules are each time. */
function* together(rules: () => PolicySource, boundary: PolicySource): Generator<Opening, void> {
  for (;;) {
    const [opening] = openings(rules(), boundary);
    // protects: G24 policy: what rules open together lies within it too => return;
    if (opening === undefined) return;
    yield opening;
  }
}

function isWithin(plugin: PluginConfig, boundary: Boundary): boolean {
  return (
    openingsBeyond(plugin, boundary).next().done === true &&
    requestsBeyond(plugin, boundary, MOST_BEGINNINGS).length === 0
  );
}
