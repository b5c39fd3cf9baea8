// Notes what happens to the broker in the audit log and the metrics, and tells the operator. Runs in the supervisor.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { RecordSources, Records } from './record/records.js';

/** @param onEvent takes each audit event @param onNotice takes lines for the operator */
export function recordBroker(
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

/** @param update brings the limits that are counted elsewhere to the broker, before a page of metrics @param onNotice takes lines for the operator */
export function recordSources(
  broker: () => BrokerProcess | undefined,
  update: () => void,
  onNotice: (text: string) => void,
): RecordSources {
  return {
    update,
    brokerMetrics: async () => (await broker()?.metrics()) ?? '',
    heartbeatAge: () => broker()?.heartbeatAge,
    onDropped: (events) => broker()?.auditDropped(events),
    onRoom: (room) => broker()?.auditRoom(room),
    onNotice,
  };
}
