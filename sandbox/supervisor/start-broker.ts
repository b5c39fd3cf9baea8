// Makes the broker, and starts it with the rules of every plugin. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';
import type { IdRange } from '../host/id-range.js';
import { BrokerProcess } from './broker/broker-process.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Records } from './record/records.js';
import { recordBroker } from './record-broker.js';
import type { SupervisorOptions } from './supervisor-options.js';
import { viaLine } from './via/via-line.js';

/**
 * @param owner of the ids that the broker takes; undefined: it keeps this process's
 * @param opened the listeners of postern itself, which no plugin may reach
 * @returns a broker whose events are recorded. It is not started
 */
export function makeBroker(
  { dnsServers, servesLong, onEvent, onBrokerWords, onNotice = () => {} }: SupervisorOptions,
  owner: IdRange | undefined,
  opened: Promise<readonly ListenerAddress[]>,
  records: Records,
): BrokerProcess {
  // The broker loads meanwhile, and waits for it.
  opened.catch(() => {});
  const broker = new BrokerProcess({
    becomeIds: owner === undefined ? undefined : { uid: owner.base, gid: owner.base },
    dnsServers,
    servesLong,
    listeners: opened,
    auditRoom: () => records.auditRoom,
    onWords: onBrokerWords,
  });
  recordBroker(broker, records, onEvent, onNotice);
  return broker;
}

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
