// The metrics of one plugin. Runs in the broker and in the supervisor.
import type { Gathered, LabelsOf, MetricTable, PluginMetricKey, Series } from './metric-form.js';
import type { MetricSet } from './metric-set.js';

export class PluginMetrics<T extends MetricTable> {
  readonly #set: MetricSet<T>;
  readonly #plugin: string;
  readonly #counts = new Map<string, Gathered>();
  readonly #features = new Set<string>();
  /** A connect may end after its plugin is gone: it counts no more, or the series would come back. */
  #removed = false;

  /** Makes the plugin's series, at 0. */
  constructor(set: MetricSet<T>, plugin: string) {
    this.#set = set;
    this.#plugin = plugin;
    set.addPlugin(plugin);
  }

  /** The plugin has a feature from now on, and the series that appear with it. */
  has(feature: string): void {
    if (this.#removed || this.#features.has(feature)) return;
    this.#features.add(feature);
    this.#set.addPlugin(this.#plugin, feature);
  }

  count<M extends PluginMetricKey<T, 'counter'>>(key: M, labels: LabelsOf<T[M]>, times = 1): void {
    if (!this.#removed) (this.#counts.get(key) ?? this.#gather(key)).add(labels, times);
  }

  set<M extends PluginMetricKey<T, 'gauge'>>(key: M, labels: LabelsOf<T[M]>, value: number): void {
    if (!this.#removed) this.#set.setOf(this.#plugin, key, labels, value);
  }

  /** The series is gone until it is set again. */
  unset<M extends PluginMetricKey<T, 'gauge'>>(key: M, labels: LabelsOf<T[M]>): void {
    this.#set.unsetOf(this.#plugin, key, labels);
  }

  observe<M extends PluginMetricKey<T, 'histogram'>>(key: M, labels: LabelsOf<T[M]>, seconds: number): void {
    if (!this.#removed) (this.#counts.get(key) ?? this.#gather(key)).add(labels, seconds);
  }

  /** What was counted so far. @param isWanted which series of the counter, all without it */
  total(key: PluginMetricKey<T, 'counter'>, isWanted: (labels: Series) => boolean = () => true): number {
    return this.#counts.get(key)?.total(isWanted) ?? 0;
  }

  remove(): void {
    this.#removed = true;
    for (const gathered of this.#counts.values()) this.#set.forget(gathered);
    this.#set.removePlugin(this.#plugin);
  }

  #gather(key: PluginMetricKey<T, 'counter'> | PluginMetricKey<T, 'histogram'>): Gathered {
    const gathered = this.#set.gatherOf(this.#plugin, key);
    this.#counts.set(key, gathered);
    return gathered;
  }
}
