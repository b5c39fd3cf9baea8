// Keeps the rules of plugins within a policy. Pure. Which rules go beyond it is found by the comparison that `check --within` makes: exact, with a destination
// as the example. Deny rules of the policy hold for every plugin. An allow rule of a plugin that goes beyond the policy is left out, whole: no rule is changed
// into one that nobody has written. What is left is compared once more, so what is in force lies within the policy whatever was left out.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type Opening, openings } from '../../../shared/policy/compare-policies.js';
import type { PolicySource } from '../../../shared/policy/policy.js';
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
export function* openingsBeyond(plugin: PluginConfig, boundary: PolicySource): Generator<Opening, void> {
  yield* openings(plugin, boundary);
  const gateway = gatewayConfig(plugin);
  // protects: G24 policy: special addresses of a gateway's host lie within it too
  if (gateway !== undefined) yield* openings(gateway, boundary);
}

/** @returns the plugin with what the boundary allows of its rules, and what it does not */
export function narrow(
  plugin: PluginConfig,
  boundary: PolicySource,
): { readonly config: PluginConfig; readonly beyond: readonly Beyond[] } {
  const deny = [
    ...new Set([
      ...plugin.deny,
      /* protects: G24 policy: its deny rules hold for every plugin */ ...boundary.deny,
    ]),
  ];
  const denied: PluginConfig = { ...plugin, deny };
  if (isWithin(denied, boundary)) return { config: denied, beyond: [] };
  const beyond: Beyond[] = [];
  const leaveOut = (what: string, opening: Opening): void =>
    void beyond.push({ plugin: plugin.name, what, example: exampleOf(opening) });
  const keep = (rules: readonly string[]): readonly string[] =>
    rules.filter((rule) => {
      const [opening] = openings({ allow: [rule], deny }, boundary);
      if (opening !== undefined) leaveOut(rule, opening);
      return opening === undefined;
    });
  // protects: G24 policy: mode audit does not go beyond it => const isAudit = false;
  const isAudit = plugin.mode === 'audit';
  if (isAudit) beyond.push({ plugin: plugin.name, what: 'mode: audit', example: 'every public destination' });
  let allow = keep(plugin.allow);
  // Two rules may open together what neither opens alone, as a name and its special address.
  for (const opening of together(() => ({ allow, deny }), boundary)) {
    const others = allow.filter((rule) => rule !== opening.rule);
    leaveOut(opening.rule ?? '', opening);
    allow = others.length < allow.length ? others : [];
  }
  const narrowed: PluginConfig = { ...denied, mode: isAudit ? 'enforce' : plugin.mode, allow };
  if (plugin.gateway === undefined) return { config: narrowed, beyond };
  const gateway = plugin.gateway.map((one) => ({
    ...one,
    // The ports are those of the plugin's rules, which are told already.
    ports: one.ports.filter(
      (port) => openings({ allow: [`${one.host}:${port}`], deny }, boundary).next().done,
    ),
    addresses: keep(one.addresses ?? []),
  }));
  const config = { ...narrowed, gateway };
  if (isWithin(config, boundary)) return { config, beyond };
  return {
    config: { ...narrowed, gateway: gateway.map((one) => ({ ...one, ports: [], addresses: [] })) },
    beyond,
  };
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

function isWithin(plugin: PluginConfig, boundary: PolicySource): boolean {
  return openingsBeyond(plugin, boundary).next().done === true;
}

function exampleOf({ host, port, address, depends }: Opening): string {
  const at = depends && address !== undefined ? ` at ${address}` : '';
  return `${host.includes(':') && port !== 0 ? `[${host}]` : host}${port === 0 ? '' : `:${port}`}${at}`;
}
