// What the broker has to know of each plugin, as lines of the link. Runs in the supervisor: at a start, at a reload, and after an approval that is
// written as a rule.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { plainNameOf } from '../../shared/gateway.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Written } from './files/plugin-links.js';
import { gatewayConfig } from './gateway/plugin-gateway.js';
import { viaLine } from './via/via-line.js';

/** Each plugin, and behind it the one that its gateway is to the broker. */
export function withGateways(plugins: readonly PluginConfig[]): readonly PluginConfig[] {
  return plugins.flatMap((plugin) => {
    const gateway = gatewayConfig(plugin);
    return gateway === undefined ? [plugin] : [plugin, gateway];
  });
}

/** By configuration: credentials are read once for each. */
const lines = new WeakMap<PluginConfig, PluginLine>();

/** What the broker has to know of a plugin. @param written what any plugin may write @throws PosternError `bad_via`, `path_not_apart` */
export function lineOf(plugin: PluginConfig, written: readonly Written[]): PluginLine {
  const known = lines.get(plugin);
  if (known !== undefined) return known;
  const { name, allow, mode, limits, unknown, revoke } = plugin;
  const gateways = (plugin.gateway ?? []).map(({ host, baseUrl = false }) =>
    baseUrl ? [host, plainNameOf(host)] : [host],
  );
  const line: PluginLine = {
    type: 'plugin',
    plugin: name,
    allow,
    // protects: G23 gateway: the plugin itself reaches no host with a gateway => deny: plugin.deny
    deny: [...plugin.deny, ...gateways.flat()],
    mode,
    limits,
    unknown,
    via: viaLine(plugin, written),
    revoke,
    ...(gateways.length === 0 ? {} : { gateways }),
  };
  lines.set(plugin, line);
  return line;
}

/** A plugin with one allow rule more. Its credentials are not read again. */
export function withRule(plugin: PluginConfig, rule: string, written: readonly Written[]): PluginConfig {
  const next = { ...plugin, allow: [...plugin.allow, rule] };
  lines.set(next, { ...lineOf(plugin, written), allow: next.allow });
  return next;
}
