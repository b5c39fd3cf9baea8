// Makes the broker, and starts it with the rules of every plugin. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';
import type { IdRange } from '../host/id-range.js';
import type { Privileges } from '../host/privileges.js';
import { BrokerProcess } from './broker/broker-process.js';
import type { PluginLine } from './broker/configure-plugin.js';
import type { Written } from './files/plugin-links.js';
import type { RecordSources, Records } from './record/records.js';
import type { SupervisorOptions } from './supervisor-options.js';
import { viaLine } from './via/via-line.js';

/**
 * @param own `owner`: of the ids that the broker takes; undefined: it keeps this process's
 * @param opened the listeners of postern itself, which no plugin may reach
 * @returns a broker whose events are recorded. It is not started
 */
export function makeBroker(
  {
    alone,
    audit,
    dnsServers,
    onEvent,
    readsAll = true,
    onBrokerWords,
    onNotice = () => {},
  }: SupervisorOptions,
  own: { readonly privileges: Privileges; readonly owner: IdRange | undefined },
  opened: Promise<readonly ListenerAddress[]>,
  records: Records,
): BrokerProcess {
  const { privileges, owner } = own;
  // The broker loads meanwhile, and waits for it.
  opened.catch(() => {});
  const broker = new BrokerProcess({
    privileges,
    becomeIds: owner === undefined ? undefined : { uid: owner.base, gid: owner.base },
    alone,
    dnsServers,
    listeners: opened,
    auditRoom: () => records.auditRoom,
    readsAll: audit !== undefined || readsAll,
    onWords: onBrokerWords,
  });
  recordBroker(broker, records, onEvent, onNotice);
  return broker;
}

/**
 * @returns when the rules of every plugin are in force
 * @throws PosternError `broker_failed`, `bad_rules`, `bad_via`, `path_not_apart`
 */
export async function startBroker(
  broker: BrokerProcess,
  { all, written }: { readonly all: readonly PluginConfig[]; readonly written: readonly Written[] },
  records: Records,
): Promise<void> {
  for (const { name } of all) records.addPlugin(name);
  await broker.start(all.map((plugin) => lineOf(plugin, written)));
  records.brokerIsUp(true);
  records.rulesLoaded(true);
}

/** By configuration: credentials are read once for each. */
const lines = new WeakMap<PluginConfig, PluginLine>();

/** What the broker has to know of a plugin. @param written what any plugin may write @throws PosternError `bad_via`, `path_not_apart` */
export function lineOf(plugin: PluginConfig, written: readonly Written[]): PluginLine {
  const known = lines.get(plugin);
  if (known !== undefined) return known;
  const { name, allow, deny, mode, limits, unknown, revoke } = plugin;
  const line: PluginLine = {
    type: 'plugin',
    plugin: name,
    allow,
    deny,
    mode,
    limits,
    unknown,
    via: viaLine(plugin, written),
    revoke,
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

// Notes what happens to the broker in the audit log and the metrics, and tells the operator.

/** @param onEvent takes each audit event @param onNotice takes lines for the operator */
function recordBroker(
  broker: BrokerProcess,
  records: Records,
  onEvent: ((event: AuditEvent) => void) | undefined,
  onNotice: (text: string) => void,
): void {
  broker.on('audit', (event) => {
    records.event(event);
    onEvent?.(event);
  });
  broker.on('lost', (lost) => records.lost(lost));
  broker.on('down', () => records.brokerIsUp(false));
  broker.on('late', (late) => records.brokerIsUp(!late));
  broker.on('hung', () => onNotice('the broker does not answer any more, and is replaced'));
  broker.on('restarted', () => {
    records.brokerRestarted();
    onNotice('the broker died; a new one serves in its place, and connections and plugins go on');
  });
  broker.on('replaced', ({ version, inOrder }) => {
    records.brokerIsUp(true);
    const how = inOrder
      ? ''
      : '; the former one did not end in order, and calls that it had received have failed';
    onNotice(`the broker was replaced: version ${version} serves from now on${how}`);
  });
  broker.on('failed', (error) => onNotice(`${error.message}; trying again`));
}

/**
 * @param update brings the limits that are counted elsewhere to the broker, before a page of metrics
 * @param states see RecordSources
 * @param onNotice takes lines for the operator
 */
export function recordSources(
  broker: () => BrokerProcess | undefined,
  update: () => void,
  states: RecordSources['states'],
  onNotice: (text: string) => void,
): RecordSources {
  return {
    update,
    states,
    brokerMetrics: async () => broker()?.metrics(),
    brokerPid: () => broker()?.pid,
    heartbeatAge: () => broker()?.heartbeatAge,
    onDropped: (events) => broker()?.auditDropped(events),
    onRoom: (room) => broker()?.auditRoom(room),
    onNotice,
  };
}
