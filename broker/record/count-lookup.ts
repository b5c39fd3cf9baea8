// Counts a lookup of a name that a server was asked for. Runs in the broker.
import type { DnsResult } from '../../shared/reasons.js';
import type { Metrics } from './metrics.js';

export function countLookup(
  metrics: Metrics,
  result: Exclude<DnsResult, 'refused'>,
  milliseconds: number,
): void {
  metrics.count('dnsLookups', { result });
  metrics.observe('dnsDuration', {}, milliseconds / 1000);
}
