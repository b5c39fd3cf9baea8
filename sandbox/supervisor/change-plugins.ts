// Puts one list of plugins in place of another while the supervisor runs: rules, listeners and metrics. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { Listeners } from './listeners/listeners.js';
import type { Records } from './record/records.js';
import { lineOf } from './start-broker.js';

/** What keeps something of each plugin. */
export interface PluginParts {
  readonly broker: Pick<BrokerProcess, 'setRules' | 'removePlugin'>;
  readonly listeners: Pick<Listeners, 'prepare' | 'close'>;
  readonly records: Pick<Records, 'addPlugin' | 'removePlugin'>;
}

/**
 * What can fail for the host's reasons comes first: credentials are read, and new listeners bound. Then come the rules, and only then the plugins
 * that are left out. After a failure the parts are as before.
 *
 * @param endOthers ends the plugins that are left out. Nothing fails from there on
 * @throws PosternError `bad_via`, `listen_address`, `bad_rules`, `broker_failed`
 */
export async function changePlugins(
  parts: PluginParts,
  before: readonly PluginConfig[],
  after: readonly PluginConfig[],
  endOthers: () => Promise<void>,
): Promise<void> {
  const former = new Map(before.map((plugin) => [plugin.name, plugin]));
  const added = after.filter(({ name }) => !former.has(name));
  const leaving = before.flatMap(({ name }) => (after.some((plugin) => plugin.name === name) ? [] : name));
  const changed = (textOf: (plugin: PluginConfig) => string): readonly PluginConfig[] =>
    after.filter((plugin) => {
      const old = former.get(plugin.name);
      return old === undefined || textOf(old) !== textOf(plugin);
    });
  const ruled = changed((plugin) => JSON.stringify(lineOf(plugin)));
  // Those of a plugin that has ended are closed, and stay so.
  const listeners = parts.listeners.prepare(changed(listenersOf), leaving);
  for (const { name } of added) parts.records.addPlugin(name);
  try {
    for (const plugin of ruled) await parts.broker.setRules(lineOf(plugin));
  } catch (error) {
    listeners.close();
    for (const { name } of added) forget(parts, name);
    // The broker may be why the change failed. Every further one gets the former rules, too.
    for (const { name } of ruled) {
      const old = former.get(name);
      if (old !== undefined) await parts.broker.setRules(lineOf(old)).catch(() => {});
    }
    throw error;
  }
  await endOthers();
  for (const name of leaving) forget(parts, name);
  listeners.putInForce();
}

function listenersOf({ listen }: PluginConfig): string {
  return JSON.stringify(listen.map(({ name, address }) => [name, address]));
}

function forget({ broker, listeners, records }: PluginParts, name: string): void {
  broker.removePlugin(name);
  listeners.close(name);
  records.removePlugin(name);
}
