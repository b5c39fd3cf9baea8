// The metrics of one plugin. Runs in the broker and in the supervisor.
import type { LabelsOf, MetricTable, PluginMetricKey } from './metric-form.js';
import type { MetricSet } from './metric-set.js';

export class PluginMetrics<T extends MetricTable> {
  readonly #set: MetricSet<T>;
  readonly #plugin: string;

  /** Makes the plugin's series, at 0. */
  constructor(set: MetricSet<T>, plugin: string) {
    this.#set = set;
    this.#plugin = plugin;
    set.addPlugin(plugin);
  }

  count<M extends PluginMetricKey<T, 'counter'>>(key: M, labels: LabelsOf<T[M]>, times?: number): void {
    this.#set.countOf(this.#plugin, key, labels, times);
  }

  set<M extends PluginMetricKey<T, 'gauge'>>(key: M, labels: LabelsOf<T[M]>, value: number): void {
    this.#set.setOf(this.#plugin, key, labels, value);
  }

  remove(): void {
    this.#set.removePlugin(this.#plugin);
  }
}
