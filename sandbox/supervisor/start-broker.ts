// Makes the broker, and starts it with the rules of every plugin. Runs in the supervisor.
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { ownerOfGateway } from '../../shared/gateway.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { ListenerAddress } from '../../shared/protocol/link.js';
import type { IdRange } from '../host/id-range.js';
import type { Privileges } from '../host/privileges.js';
import { BrokerProcess } from './broker/broker-process.js';
import type { Written } from './files/plugin-links.js';
import { lineOf, withGateways } from './plugin-line.js';
import type { RecordSources, Records } from './record/records.js';
import type { SupervisorOptions } from './supervisor-options.js';

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
  const served = withGateways(all);
  for (const { name } of served) records.addPlugin(name);
  await broker.start(served.map((plugin) => lineOf(plugin, written)));
  records.brokerIsUp(true);
  records.rulesLoaded();
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
    // What a gateway asks for, it asks for its plugin.
    const own = { ...event, plugin: ownerOfGateway(event.plugin) };
    records.event(own);
    onEvent?.(own);
  });
  broker.on('counted', (page, pid) => records.counted(page, pid));
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
