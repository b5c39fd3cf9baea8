// What one metric was told since its last page, as plain numbers. prom-client finds a series by the text of all its labels, which takes longer
// than a decision. Runs in the broker and in the supervisor.
import type { Series } from './metric-form.js';

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
