// Starts the broker with the rules of every plugin. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Records } from './record/records.js';
import { viaLine } from './via/via-line.js';

/**
 * @returns when the rules of every plugin are in force
 * @throws PosternError `broker_failed`, `bad_rules`, `bad_via`
 */
export async function startBroker(
  broker: BrokerProcess,
  plugins: readonly PluginConfig[],
  records: Records,
): Promise<void> {
  for (const { name } of plugins) records.addPlugin(name);
  await broker.start(plugins.map(lineOf));
  records.brokerIsUp(true);
  records.rulesLoaded(true);
}

/** By configuration: credentials are read once for each, and a pipe can be read only once. */
const lines = new WeakMap<PluginConfig, PluginLine>();

/** What the broker has to know of a plugin. @throws PosternError `bad_via` */
export function lineOf(plugin: PluginConfig): PluginLine {
  const known = lines.get(plugin);
  if (known !== undefined) return known;
  const { name, allow, deny, mode, limits, unknown, via, revoke } = plugin;
  const line: PluginLine = {
    type: 'plugin',
    plugin: name,
    allow,
    deny,
    mode,
    limits,
    unknown,
    via: viaLine(via),
    revoke,
  };
  lines.set(plugin, line);
  return line;
}
