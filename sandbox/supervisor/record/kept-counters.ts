// Keeps the counters of brokers that are gone: each broker counts from 0, and what is added here makes no counter fall on the pages of a supervisor. What
// a broker counted after the last page is lost with it. Runs in the supervisor. A broker that was taken over can write any page of its own; what it
// wrote stays until its plugins are forgotten.

/** What is added to the series of one metric. */
type Sums = Map<string, number>;

export class KeptCounters {
  /** By the first line of each metric. */
  #sums = new Map<string, Sums>();
  #broker: number | undefined;
  #last = '';
  /** Plugins that are gone since the last page. */
  readonly #forgotten = new Set<string>();

  /** @param broker its pid @param text its page @returns the page with what former brokers have counted */
  page(broker: number | undefined, text: string): string {
    // protects: G11 metrics: no counter falls when another broker serves => void this.#keep;
    if (this.#broker !== undefined && this.#broker !== broker) this.#keep();
    this.#broker = broker;
    this.#forgotten.clear();
    this.#last = this.#sums.size === 0 ? text : add(text, this.#sums);
    return this.#last;
  }

  /** What was counted of a plugin goes with it: a later one with its name is another. */
  forget(plugin: string): void {
    this.#forgotten.add(plugin);
    for (const sums of this.#sums.values()) drop(sums, plugin);
  }

  #keep(): void {
    this.#sums = new Map();
    for (const { head, series } of metricsIn(this.#last)) {
      if (/ gauge$/m.test(head)) continue;
      const sums: Sums = new Map(series);
      for (const plugin of this.#forgotten) drop(sums, plugin);
      this.#sums.set(head, sums);
    }
  }
}

function drop(sums: Sums, plugin: string): void {
  for (const name of sums.keys()) if (name.includes(`{plugin="${plugin}"`)) sums.delete(name);
}

function add(text: string, sums: ReadonlyMap<string, Sums>): string {
  return [...metricsIn(text)]
    .map(({ head, series }) => {
      const left = new Map(sums.get(head));
      const lines = series.map(([name, value]) => {
        const kept = left.get(name) ?? 0;
        left.delete(name);
        return `${name} ${value + kept}`;
      });
      // Nothing of it was counted by this broker yet.
      for (const [name, kept] of left) lines.push(`${name} ${kept}`);
      return [head, ...lines, ''].join('\n');
    })
    .join('\n');
}

interface ShownMetric {
  /** Its lines of HELP and TYPE. */
  readonly head: string;
  readonly series: readonly (readonly [name: string, value: number])[];
}

function* metricsIn(text: string): Generator<ShownMetric, void> {
  for (const part of text.split(/^(?=# HELP )/m)) {
    const lines = part.split('\n').filter(Boolean);
    const head = lines.filter((line) => line.startsWith('#')).join('\n');
    const series = lines.flatMap((line) => {
      const at = line.lastIndexOf(' ');
      return line.startsWith('#') ? [] : [[line.slice(0, at), Number(line.slice(at + 1))] as const];
    });
    if (head !== '') yield { head, series };
  }
}
