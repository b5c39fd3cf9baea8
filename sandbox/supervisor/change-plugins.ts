// Puts one list of plugins in place of another while the supervisor runs: rules, listeners and metrics. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { Listeners } from './listeners/listeners.js';
import type { Records } from './record/records.js';
import { lineOf } from './start-broker.js';

/** What keeps something of each plugin. */
export interface PluginParts {
  readonly broker: Pick<BrokerProcess, 'setRules' | 'removePlugin'>;
  readonly listeners: Pick<Listeners, 'change' | 'close'>;
  readonly records: Pick<Records, 'addPlugin' | 'removePlugin'>;
}

/**
 * Listeners are bound first and rules are set last, since a listener can fail for the host's reasons. After a failure the parts are as before.
 *
 * @throws PosternError `listen_address`, `bad_rules`, `broker_failed`
 */
export async function changePlugins(
  parts: PluginParts,
  before: readonly PluginConfig[],
  after: readonly PluginConfig[],
): Promise<void> {
  const former = new Map(before.map((plugin) => [plugin.name, plugin]));
  const undo: (() => Promise<void> | void)[] = [];
  try {
    for (const plugin of after) {
      const old = former.get(plugin.name);
      if (old === undefined) parts.records.addPlugin(plugin.name);
      undo.push(() => restore(parts, plugin, old));
      // Those of a plugin that has ended are closed, and stay so.
      if (old === undefined || !sameListeners(old, plugin)) parts.listeners.change(plugin);
    }
    for (const plugin of after) {
      const old = former.get(plugin.name);
      if (old === undefined || JSON.stringify(lineOf(old)) !== JSON.stringify(lineOf(plugin)))
        await parts.broker.setRules(lineOf(plugin));
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
  for (const { name } of before) if (!after.some((plugin) => plugin.name === name)) forget(parts, name);
}

async function restore(
  parts: PluginParts,
  plugin: PluginConfig,
  old: PluginConfig | undefined,
): Promise<void> {
  if (old === undefined) {
    forget(parts, plugin.name);
    return;
  }
  if (!sameListeners(old, plugin)) parts.listeners.change(old);
  // The broker may be why the change failed. Every further one gets the former rules, too.
  await parts.broker.setRules(lineOf(old)).catch(() => {});
}

function sameListeners(one: PluginConfig, other: PluginConfig): boolean {
  const texts = ({ listen }: PluginConfig): string =>
    JSON.stringify(listen.map(({ name, address }) => [name, address]));
  return texts(one) === texts(other);
}

function forget({ broker, listeners, records }: PluginParts, name: string): void {
  broker.removePlugin(name);
  listeners.close(name);
  records.removePlugin(name);
}
