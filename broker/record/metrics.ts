// The broker's metrics, of its table. The supervisor serves their text.
import { MetricSet } from '../../shared/metrics/metric-set.js';
import { PluginMetrics } from '../../shared/metrics/plugin-metrics.js';
import { METRICS } from './metric-table.js';

export class Metrics extends MetricSet<typeof METRICS> {
  constructor() {
    super(METRICS);
  }

  /** The metrics of one plugin, at 0 from now on. */
  ofPlugin(name: string): PluginMetrics<typeof METRICS> {
    return new PluginMetrics(this, name);
  }
}
