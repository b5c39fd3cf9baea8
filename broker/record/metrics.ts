// The broker's metrics, and its answers to the supervisor's queries for them. Runs in the broker.

import { setImmediate } from 'node:timers/promises';
import { MetricSet } from '../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import type { DnsResult } from '../../shared/words.js';
import { answerTogether } from './answer-together.js';
import { METRICS } from './broker-metrics.js';

// The broker's metrics, of its table. The supervisor serves their text.

export class Metrics extends MetricSet<typeof METRICS> {
  constructor() {
    super(METRICS);
  }

  /** The metrics of one plugin, at 0 from now on. */
  ofPlugin(name: string): PluginMetrics<typeof METRICS> {
    return new PluginMetrics(this, name);
  }
}

// Counts a lookup of a name that a server was asked for.

export function countLookup(
  metrics: Metrics,
  result: Exclude<DnsResult, 'refused'>,
  milliseconds: number,
): void {
  metrics.count('dnsLookups', { result });
  metrics.observe('dnsDuration', {}, milliseconds / 1000);
}

// Answers the supervisor's queries for the metrics, in parts: a page that is written at once would stop the broker's other work.

/** @param show updates the gauges, before each page @returns what takes the id of a query */
export function metricsAnswers(
  metrics: Pick<Metrics, 'parts'>,
  show: () => Promise<void>,
  send: (line: BrokerLine) => void,
): (id: number) => Promise<void> {
  return answerTogether(async (ids) => {
    await show();
    // protects: G8 metrics: the gauges and the text of a page are not in one turn of the event loop
    await setImmediate();
    for await (const text of metrics.parts())
      for (const id of ids) send({ type: 'metrics', id, text, last: false });
    for (const id of ids) send({ type: 'metrics', id, text: '', last: true });
  });
}
