// What a metric is, and how metrics of several sources are gathered into one set.

// The form of one metric in the tables of the broker and the supervisor. Metrics and their reference page are made from these tables.

/** The values of a label: a list where they are known, else words that say what the value is. */
export type LabelValues = readonly string[] | { readonly any: string };

/** The labels of one series. */
export type Series = Readonly<Record<string, string>>;

/**
 * Whether a series stands at 0 before anything is counted: from the start, never, or as soon as its plugin has a feature, whose name is returned.
 * Without a zero, nobody sees the first of what is counted as a rise. But a page of zeros that cannot change hides the others.
 */
export type StartsAtZero = (series: Series) => boolean | string;

export interface MetricForm {
  /** As Prometheus sees it, prefix included. */
  readonly name: `postern_${string}`;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: Readonly<Record<string, LabelValues>>;
  /** The upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
  /** Missing: every combination of the labels' known values does. */
  readonly startsAtZero?: StartsAtZero;
}

export type MetricTable = Readonly<Record<string, MetricForm>>;

/** The label of each series that belongs to one plugin. */
export const PLUGIN_LABEL: LabelValues = { any: "the plugin's name" };

/** A series' labels besides the plugin's. A value that the table does not list does not compile. */
export type LabelsOf<F extends MetricForm> = {
  readonly [L in Exclude<keyof F['labels'], 'plugin'> &
    string]: F['labels'][L] extends readonly (infer V extends string)[] ? V : string;
};

/** The table's metrics of one kind with a plugin label. */
export type PluginMetricKey<T extends MetricTable, K extends MetricForm['kind']> = {
  [M in keyof T & string]: T[M] extends { kind: K; labels: { plugin: LabelValues } } ? M : never;
}[keyof T & string];

/** The table's metrics of one kind without a plugin label. */
export type CommonMetricKey<T extends MetricTable, K extends MetricForm['kind']> = {
  [M in keyof T & string]: T[M] extends { kind: K }
    ? T[M] extends { labels: { plugin: LabelValues } }
      ? never
      : M
    : never;
}[keyof T & string];

// What one metric was told since its last page, as plain numbers. prom-client finds a series by the text of all its labels, which takes longer
// than a decision.

/** Past so many samples of one series they are passed on. */
const MOST_SAMPLES = 1024;

interface GatheredSeries {
  readonly labels: Series;
  /** One sum, or each sample. */
  values: number[];
  /** Of a sum: all that was added. */
  total: number;
}

export class Gathered {
  readonly #names: readonly string[];
  readonly #sums: boolean;
  readonly #pass: (labels: Series, value: number) => void;
  readonly #series = new Map<string, GatheredSeries>();

  /**
   * @param names the labels whose values tell the series apart
   * @param sums whether values are added up, as a counter's are
   * @param pass tells the metric
   */
  constructor(names: readonly string[], sums: boolean, pass: (labels: Series, value: number) => void) {
    this.#names = names;
    this.#sums = sums;
    this.#pass = pass;
  }

  add(labels: Series, value: number): void {
    const series = this.#find(labels);
    if (this.#sums) {
      series.values[0] = (series.values[0] ?? 0) + value;
      series.total += value;
    } else if (series.values.push(value) >= MOST_SAMPLES) this.#passOn(series);
  }

  /** All that was added, also what the metric knows already. */
  total(isWanted: (labels: Series) => boolean): number {
    let total = 0;
    for (const series of this.#series.values()) if (isWanted(series.labels)) total += series.total;
    return total;
  }

  /** Tells the metric all that it was not told. @returns how many values */
  passOn(): number {
    let passed = 0;
    for (const series of this.#series.values()) {
      passed += series.values.length;
      this.#passOn(series);
    }
    return passed;
  }

  #find(labels: Series): GatheredSeries {
    let key = '';
    // A value has no line break: each is a word of a table.
    for (const name of this.#names) key += `${labels[name]}\n`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { labels, values: [], total: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  #passOn(series: GatheredSeries): void {
    for (const value of series.values) this.#pass(series.labels, value);
    series.values = [];
  }
}
