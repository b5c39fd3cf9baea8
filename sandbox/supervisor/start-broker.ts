// Starts the broker with the rules of every plugin. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Records } from './record/records.js';

/**
 * @returns when the rules of every plugin are in force
 * @throws PosternError `broker_failed`, `bad_rules`
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

/** What the broker has to know of a plugin. */
export function lineOf({ name, allow, deny, mode, limits, unknown }: PluginConfig): PluginLine {
  return { type: 'plugin', plugin: name, allow, deny, mode, limits, unknown };
}
