// Makes, zeroes, counts and removes the series of the metric table, by prom-client. Runs in the broker.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  type BrokerMetricForm,
  type CommonMetricKey,
  type LabelsOf,
  METRICS,
  type MetricKey,
  type PluginMetricKey,
  type Series,
} from './metric-table.js';

const FORMS: Readonly<Record<MetricKey, BrokerMetricForm>> = METRICS;
const KEYS = Object.keys(METRICS) as MetricKey[];
const PLUGIN_KEYS = KEYS.filter((key) => 'plugin' in FORMS[key].labels);

type AnyMetric = Counter | Gauge | Histogram;

export class MetricSet {
  readonly #registry = new Registry();
  readonly #metrics = new Map<string, AnyMetric>();

  constructor() {
    for (const key of KEYS) {
      const metric = makeMetric(FORMS[key], this.#registry);
      this.#metrics.set(key, metric);
      if (!PLUGIN_KEYS.includes(key))
        for (const series of startingSeries(FORMS[key])) setToZero(metric, series);
    }
  }

  /** Makes a plugin's series, at 0. */
  addPlugin(plugin: string): void {
    for (const key of PLUGIN_KEYS)
      for (const series of startingSeries(FORMS[key])) setToZero(this.#metric(key), { plugin, ...series });
  }

  /** Removes every series of a plugin. */
  removePlugin(plugin: string): void {
    for (const key of PLUGIN_KEYS)
      for (const series of everySeries(FORMS[key])) this.#metric(key).remove({ plugin, ...series });
  }

  countOf<M extends PluginMetricKey<'counter'>>(
    key: M,
    plugin: string,
    labels: LabelsOf<M>,
    times?: number,
  ): void {
    (this.#metric(key) as Counter).inc({ plugin, ...labels }, times);
  }

  setOf<M extends PluginMetricKey<'gauge'>>(
    key: M,
    plugin: string,
    labels: LabelsOf<M>,
    value: number,
  ): void {
    (this.#metric(key) as Gauge).set({ plugin, ...labels }, value);
  }

  count<M extends CommonMetricKey<'counter'>>(key: M, labels: LabelsOf<M>, times?: number): void {
    (this.#metric(key) as Counter).inc(labels as Series, times);
  }

  observe<M extends CommonMetricKey<'histogram'>>(key: M, labels: LabelsOf<M>, seconds: number): void {
    (this.#metric(key) as Histogram).observe(labels as Series, seconds);
  }

  /** The text exposition format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #metric(key: MetricKey): AnyMetric {
    const metric = this.#metrics.get(key);
    if (metric === undefined) throw new RangeError(`No metric "${key}"`);
    return metric;
  }
}

function makeMetric(
  { name, help, kind, labels, buckets = [] }: BrokerMetricForm,
  registry: Registry,
): AnyMetric {
  const settings = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  if (kind === 'counter') return new Counter(settings);
  return kind === 'gauge' ? new Gauge(settings) : new Histogram({ ...settings, buckets: [...buckets] });
}

function setToZero(metric: AnyMetric, series: Series): void {
  if (metric instanceof Counter) metric.inc(series, 0);
  else if (metric instanceof Gauge) metric.set(series, 0);
  else metric.zero(series);
}

function startingSeries(form: BrokerMetricForm): readonly Series[] {
  return everySeries(form).filter((series) => form.startsAtZero?.(series) ?? true);
}

/** Every combination of the labels' values, the plugin left out. */
function everySeries({ labels }: BrokerMetricForm): readonly Series[] {
  let all: readonly Series[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (!('any' in values))
      all = all.flatMap((series) => values.map((value) => ({ ...series, [label]: value })));
  }
  return all;
}
