// Counts a connection that has ended, and writes its audit event. Runs in the broker.
import type { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import type { Audit } from '../record/audit.js';
import type { METRICS } from '../record/metric-table.js';
import type { EndedConnection } from './connection-places.js';

/** A plugin that has connections. */
export interface AccountedPlugin {
  readonly name: string;
  readonly metrics: Pick<PluginMetrics<typeof METRICS>, 'count' | 'observe'>;
}

export function accountEnded(
  audit: Pick<Audit, 'closed'>,
  { name, metrics }: AccountedPlugin,
  { durationMs, description, account, cause }: EndedConnection,
): void {
  metrics.observe('connectionDuration', {}, durationMs / 1_000);
  if (cause !== undefined) metrics.count('connectionsEnded', { cause });
  if (account !== undefined) {
    metrics.count('sentBytes', {}, account.sentBytes);
    metrics.count('receivedBytes', {}, account.receivedBytes);
    metrics.count('retransmits', {}, account.retransmits);
  }
  audit.closed({
    decision_id: description?.decision_id ?? null,
    plugin: name,
    pid: description?.pid ?? null,
    program: description?.program ?? null,
    door: description?.door ?? null,
    host: description?.host ?? null,
    port: description?.port ?? null,
    dialed: description?.dialed ?? null,
    duration_ms: Math.round(durationMs * 1_000) / 1_000,
    sent_bytes: account?.sentBytes ?? null,
    received_bytes: account?.receivedBytes ?? null,
    rtt_ms: account?.rttMs ?? null,
    retransmits: account?.retransmits ?? null,
    ended_by: cause ?? (account === undefined ? 'unknown' : 'closed'),
  });
}
