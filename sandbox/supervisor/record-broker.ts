// Notes what happens to the broker in the audit log and the metrics, and tells the operator. Runs in the supervisor.
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import type { BrokerProcess } from './broker/broker-process.js';
import type { Records } from './record/records.js';

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
  broker.on('failed', (error) => onNotice(`${error.message}; trying again`));
}
