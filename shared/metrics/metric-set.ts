// Makes, zeroes, counts and removes the series of a metric table, by prom-client. Runs in the broker and in the supervisor. The main
// module of prom-client would also load an HTTPS client and tracing, which takes 15 ms of each start.

import { setImmediate } from 'node:timers/promises';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import { SERIES_PER_TURN } from '../limits.js';
import {
  type CommonMetricKey,
  Gathered,
  type LabelsOf,
  type MetricForm,
  type MetricTable,
  type PluginMetricKey,
  type Series,
} from './metric-form.js';

type AnyMetric = Counter | Gauge | Histogram;

export class MetricSet<T extends MetricTable> {
  readonly #table: T;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();
  /** Of the metrics without a plugin label, by key. */
  readonly #gathered = new Map<string, Gathered>();
  /** All of them, with those of the plugins. */
  readonly #toPassOn = new Set<Gathered>();
  readonly #ofPlugins: readonly (readonly [MetricForm, AnyMetric])[];
  /** Those with a series or more for each plugin, by name. */
  readonly #series: ReadonlyMap<string, AnyMetric>;

  constructor(table: T) {
    this.#table = table;
    const made = Object.entries<MetricForm>(table).map(
      ([key, form]) => [form, this.#make(key, form)] as const,
    );
    this.#ofPlugins = made.filter(([form]) => isOfPlugin(form));
    this.#series = new Map(this.#ofPlugins.map(([{ name }, metric]) => [name, metric] as const));
    for (const [form, metric] of made) {
      if (isOfPlugin(form)) continue;
      // prom-client has a metric without labels at 0 from the start.
      if (Object.keys(form.labels).length === 0) metric.remove({});
      for (const series of startingSeries(form, true)) setToZero(metric, series);
    }
  }

  /** Makes a plugin's series, at 0. @param feature those that appear with it. Missing: those of every plugin */
  addPlugin(plugin: string, feature: string | true = true): void {
    for (const [form, metric] of this.#ofPlugins)
      for (const series of startingSeries(form, feature)) setToZero(metric, { plugin, ...series });
  }

  /** Removes every series of a plugin. */
  removePlugin(plugin: string): void {
    for (const [form, metric] of this.#ofPlugins)
      for (const series of everySeries(form)) metric.remove({ plugin, ...series });
  }

  count<M extends CommonMetricKey<T, 'counter'>>(key: M, labels: LabelsOf<T[M]>, times = 1): void {
    this.#gather(key, find(this.#counters, key)).add(labels, times);
  }

  set<M extends CommonMetricKey<T, 'gauge'>>(key: M, labels: LabelsOf<T[M]>, value: number): void {
    find(this.#gauges, key).set(labels, value);
  }

  observe<M extends CommonMetricKey<T, 'histogram'>>(key: M, labels: LabelsOf<T[M]>, seconds: number): void {
    this.#gather(key, find(this.#histograms, key)).add(labels, seconds);
  }

  /** What a plugin's counter or histogram is told, until {@link forget}. */
  gatherOf(plugin: string, key: PluginMetricKey<T, 'counter'> | PluginMetricKey<T, 'histogram'>): Gathered {
    const counter = this.#counters.get(key);
    const pass =
      counter === undefined ? passTo(find(this.#histograms, key), plugin) : passTo(counter, plugin);
    const names = this.#names(key).filter((name) => name !== 'plugin');
    const gathered = new Gathered(names, counter !== undefined, pass);
    this.#toPassOn.add(gathered);
    return gathered;
  }

  /** The plugin's series are gone, and with them what its counter was told. */
  forget(gathered: Gathered): void {
    this.#toPassOn.delete(gathered);
  }

  setOf<M extends PluginMetricKey<T, 'gauge'>>(
    plugin: string,
    key: M,
    labels: LabelsOf<T[M]>,
    value: number,
  ): void {
    find(this.#gauges, key).set({ plugin, ...labels }, value);
  }

  unsetOf<M extends PluginMetricKey<T, 'gauge'>>(plugin: string, key: M, labels: LabelsOf<T[M]>): void {
    find(this.#gauges, key).remove({ plugin, ...labels });
  }

  /** The text exposition format, in parts. The event loop turns before and after each: thousands of plugins make a long page. */
  async *parts(): AsyncGenerator<string, void> {
    let left = SERIES_PER_TURN;
    for (const gathered of this.#toPassOn) {
      left -= gathered.passOn();
      if (left > 0) continue;
      await setImmediate();
      left = SERIES_PER_TURN;
    }
    for (const { name } of this.#registry.getMetricsAsArray()) {
      const metric = this.#series.get(name);
      // A metric without a plugin label has few series.
      if (metric === undefined) yield `${await this.#registry.getSingleMetricAsString(name)}\n\n`;
      else {
        // prom-client lists all series of a metric at once.
        const read = await metric.get();
        // protects: G8 metrics: the list of series and their text are not in one turn of the event loop
        await setImmediate();
        yield* seriesText(read);
      }
      await setImmediate();
    }
  }

  /** All parts. */
  async text(): Promise<string> {
    let text = '';
    for await (const part of this.parts()) text += part;
    return text;
  }

  #gather(key: string, metric: Counter | Histogram): Gathered {
    const known = this.#gathered.get(key);
    if (known !== undefined) return known;
    const sums = metric instanceof Counter;
    const pass = (labels: Series, value: number): void =>
      sums ? metric.inc(labels, value) : metric.observe(labels, value);
    const gathered = new Gathered(this.#names(key), sums, pass);
    this.#gathered.set(key, gathered);
    this.#toPassOn.add(gathered);
    return gathered;
  }

  #names(key: string): readonly string[] {
    return Object.keys(this.#table[key]?.labels ?? {});
  }

  #make(key: string, { name, help, kind, labels, buckets = [] }: MetricForm): AnyMetric {
    const settings = { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
    if (kind === 'counter') return put(this.#counters, key, new Counter(settings));
    if (kind === 'gauge') return put(this.#gauges, key, new Gauge(settings));
    return put(this.#histograms, key, new Histogram({ ...settings, buckets: [...buckets] }));
  }
}

function passTo(metric: Counter | Histogram, plugin: string): (labels: Series, value: number) => void {
  return metric instanceof Counter
    ? (labels, times) => metric.inc({ plugin, ...labels }, times)
    : (labels, seconds) => metric.observe({ plugin, ...labels }, seconds);
}

function put<M>(metrics: Map<string, M>, key: string, metric: M): M {
  metrics.set(key, metric);
  return metric;
}

function find<M>(metrics: ReadonlyMap<string, M>, key: string): M {
  const metric = metrics.get(key);
  if (metric === undefined) throw new RangeError(`No metric "${key}"`);
  return metric;
}

function isOfPlugin({ labels }: MetricForm): boolean {
  return 'plugin' in labels;
}

function setToZero(metric: AnyMetric, series: Series): void {
  if (metric instanceof Counter) metric.inc(series, 0);
  else if (metric instanceof Gauge) metric.set(series, 0);
  else metric.zero(series);
}

function startingSeries(form: MetricForm, feature: string | true): readonly Series[] {
  return everySeries(form).filter((series) => (form.startsAtZero?.(series) ?? true) === feature);
}

/** Every combination of the labels' values, the plugin left out. Empty where the values of a label are not known. */
export function everySeries({ labels }: MetricForm): readonly Series[] {
  let all: readonly Series[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (label === 'plugin') continue;
    const known = 'any' in values ? [] : values;
    all = all.flatMap((series) => known.map((value) => ({ ...series, [label]: value })));
  }
  return all;
}

// The series of one metric in Prometheus' text format, as prom-client writes them, but some in each turn of the event loop.

type Labels = Readonly<Partial<Record<string, string | number>>>;

/** As a metric of prom-client returns itself. */
interface ReadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Labels;
    /** Of a histogram: the name with `_bucket`, `_sum` or `_count`. */
    readonly metricName?: string | undefined;
  }[];
}

export async function* seriesText({ name, help, type, values }: ReadMetric): AsyncGenerator<string, void> {
  let text = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`;
  let left = SERIES_PER_TURN;
  for (const { value, labels, metricName = name } of values) {
    text += `${metricName}${labelText(labels)} ${numberText(value)}\n`;
    left -= 1;
    if (left > 0) continue;
    yield text;
    // protects: G8 metrics: a long page is written over many turns of the event loop
    await setImmediate();
    text = '';
    left = SERIES_PER_TURN;
  }
  yield `${text}\n`;
}

function labelText(labels: Labels): string {
  let text = '';
  for (const label in labels)
    text += `${text === '' ? '{' : ','}${label}="${escapeValue(String(labels[label]))}"`;
  return text === '' ? '' : `${text}}`;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return 'Nan';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

/** Few texts have such a character, and a search is cheaper than a replacement. */
function escaped(text: string): string {
  if (!/[\\\n]/.test(text)) return text;
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}

function escapeValue(text: string): string {
  const safe = escaped(text);
  return safe.includes('"') ? safe.replace(/"/g, '\\"') : safe;
}
