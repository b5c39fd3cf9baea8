// Keeps the counters of brokers that are gone: each broker counts from 0, and what is added here makes no counter fall on the pages of a supervisor. A
// broker that is replaced leaves a last page. What one that dies counted after the last page is lost with it. Runs in the supervisor. A broker that was taken over can write any page. What is kept of it is
// bounded and well-formed, so that it spoils no later page; its figures stay until their plugins are forgotten.

/** More than any broker writes. What is further down counts for its broker alone. */
const MOST_LINES = 100_000;
/** Longer than any. */
const LONGEST_LINE = 500;
/** More than any plugin has, and more than there are without a plugin. */
const MOST_SERIES = 1_000;
const PLUGIN = /\{plugin="([^"]*)"/;
const SERIES = /^(\w+?)(?:_bucket|_sum|_count)?(?:\{\w+="[^"\\]*"(?:,\w+="[^"\\]*")*\})? [\d.e+-]+$/;

/** What is added to the series of one metric. */
type Sums = Map<string, number>;

export class KeptCounters {
  /** By the line that has the name and the kind of the metric. */
  #sums = new Map<string, Sums>();
  #broker: number | undefined;
  #last = '';
  /** Those that there are. The empty name is that of series without a plugin. */
  readonly #plugins = new Set(['']);
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

  add(plugin: string): void {
    this.#plugins.add(plugin);
  }

  /** What was counted of a plugin goes with it: a later one with its name is another. */
  forget(plugin: string): void {
    this.#plugins.delete(plugin);
    this.#forgotten.add(plugin);
    for (const sums of this.#sums.values()) drop(sums, plugin);
  }

  #keep(): void {
    this.#sums = new Map();
    const counts = new Map<string, number>();
    for (const { type, name, value } of linesIn(this.#last)) {
      if (name === undefined || type.endsWith(' gauge')) continue;
      const plugin = PLUGIN.exec(name)?.[1] ?? '';
      const count = counts.get(plugin) ?? 0;
      // protects: G13 metrics: a broker keeps no series of a plugin that is none
      if (!this.#plugins.has(plugin) || this.#forgotten.has(plugin)) continue;
      // protects: G13 metrics: a broker keeps no endless series of a plugin
      if (count === MOST_SERIES) continue;
      counts.set(plugin, count + 1);
      const sums: Sums = this.#sums.get(type) ?? new Map();
      this.#sums.set(type, sums.set(name, value));
    }
  }
}

function drop(sums: Sums, plugin: string): void {
  for (const name of sums.keys()) if (name.includes(`{plugin="${plugin}"`)) sums.delete(name);
}

function add(text: string, sums: ReadonlyMap<string, Sums>): string {
  const parts: string[] = [];
  const untaken = new Map(sums);
  let left: Sums = new Map();
  let read = 0;
  for (const { line, type, name, value, end } of linesIn(text)) {
    if (line === type) {
      left = new Map(untaken.get(type));
      // protects: G13 metrics: what is kept of a metric is added once a page
      untaken.delete(type);
    }
    // The metric ends. Nothing of these was counted by this broker yet.
    if (line === '') {
      for (const [other, kept] of left) parts.push(`${other} ${kept}\n`);
      left.clear();
    }
    parts.push(name === undefined ? `${line}\n` : `${name} ${value + (left.get(name) ?? 0)}\n`);
    if (name !== undefined) left.delete(name);
    read = end;
  }
  return parts.join('') + text.slice(read);
}

interface PageLine {
  readonly line: string;
  /** The last line before it that has the name and the kind of a metric. */
  readonly type: string;
  /** Of a series of this metric. */
  readonly name: string | undefined;
  readonly value: number;
  /** Where the next line begins. */
  readonly end: number;
}

function* linesIn(text: string): Generator<PageLine, void> {
  let [type, at] = ['', 0];
  for (let count = 0; at < text.length; count += 1) {
    // protects: G13 metrics: a page without end is not kept => void MOST_LINES;
    if (count === MOST_LINES) return;
    const found = text.indexOf('\n', at);
    const end = found === -1 ? text.length : found + 1;
    const line = text.slice(at, found === -1 ? end : found);
    if (line.startsWith('# TYPE ')) type = line;
    const space = line.lastIndexOf(' ');
    const value = Number(line.slice(space + 1));
    const isSeries =
      /* protects: G13 metrics: what a broker wrote that is no series of its metric is not kept => space > 0 */ line.length <=
        LONGEST_LINE &&
      type.startsWith(`# TYPE ${SERIES.exec(line)?.[1] ?? ''} `) &&
      Number.isFinite(value) &&
      value >= 0;
    yield { line, type, name: isSeries ? line.slice(0, space) : undefined, value, end };
    at = end;
  }
}
