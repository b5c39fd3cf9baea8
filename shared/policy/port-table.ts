// Finds the rule for a port among several rules for the same target.
import { joinRanges, type PortRange } from './parse-ports.js';
import type { Rule } from './parse-rule.js';

/** Up to this many rules, a search goes through all of them. */
const MAX_SCANNED_RULES = 8;

/**
 * The rules of one target. If several cover a port, the one whose text sorts first counts, whatever the order in which they were written.
 */
export class PortTable {
  readonly #rules: Rule[];
  #cells: Cells | undefined;
  /** The rule and its range, if there is one of each. Read without the lists: with many rules, cache misses take most of the time. */
  #only: Rule | undefined;
  #low = 0;
  #high = 0;
  #ranges: readonly PortRange[] | undefined;

  /** @param rules kept, and sorted by {@link seal} */
  constructor(rules: Rule[]) {
    this.#rules = rules;
  }

  /** Adds a rule, before the table is sealed. */
  add(rule: Rule): void {
    this.#rules.push(rule);
  }

  /** Ends the adding of rules. From here on the table can be searched. */
  seal(): this {
    if (this.#rules.length > 1) this.#rules.sort(compareText);
    if (this.#rules.length > MAX_SCANNED_RULES) this.#cells = divide(this.#rules);
    const [rule, another] = this.#rules;
    const [range, further] = rule?.ports ?? [];
    if (another === undefined && range !== undefined && further === undefined) {
      this.#only = rule;
      this.#low = range.low;
      this.#high = range.high;
    }
    return this;
  }

  /** Sorted by text. */
  get rules(): readonly Rule[] {
    return this.#rules;
  }

  /** The ports that a rule covers, sorted, with adjacent ones joined. */
  get ranges(): readonly PortRange[] {
    this.#ranges ??= joinRanges(this.#rules.flatMap(({ ports }) => ports));
    return this.#ranges;
  }

  /** The rule that covers a port, 1 to 65535, or undefined. */
  find(port: number): Rule | undefined {
    if (this.#only) return port >= this.#low && port <= this.#high ? this.#only : undefined;
    if (this.#cells) return findCell(this.#cells, port);
    for (const rule of this.#rules) {
      for (const range of rule.ports) if (port >= range.low && port <= range.high) return rule;
    }
    return undefined;
  }
}

/** The ports, cut where a range begins or ends. Cell n goes from starts[n] to the start of the next cell. */
interface Cells {
  readonly starts: readonly number[];
  readonly owners: readonly (Rule | undefined)[];
}

function divide(rules: readonly Rule[]): Cells {
  const bounds = new Set([0]);
  for (const { ports } of rules) for (const { low, high } of ports) bounds.add(low).add(high + 1);
  const starts = Uint32Array.from(bounds).sort();
  const owners: (Rule | undefined)[] = new Array(starts.length).fill(undefined);
  // next[n] leads to the first free cell from n on, so that each cell is visited once.
  const next = Uint32Array.from({ length: starts.length + 1 }, (_, at) => at);
  const free = (from: number): number => {
    let at = from;
    for (let to = next[at] ?? at; to !== at; to = next[at] ?? at) {
      next[at] = next[to] ?? to;
      at = to;
    }
    return at;
  };
  for (const rule of rules) {
    for (const { low, high } of rule.ports) {
      for (let at = free(cellOf(starts, low)); (starts[at] ?? Infinity) <= high; at = free(at)) {
        owners[at] = rule;
        next[at] = at + 1;
      }
    }
  }
  return { starts: [...starts], owners };
}

function findCell(cells: Cells, port: number): Rule | undefined {
  return cells.owners[cellOf(cells.starts, port)];
}

/** The last cell whose start is not above the port. */
function cellOf(starts: ArrayLike<number>, port: number): number {
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] ?? Infinity) <= port) low = middle;
    else high = middle;
  }
  return low;
}

function compareText(a: Rule, b: Rule): number {
  return a.text < b.text ? -1 : Number(a.text > b.text);
}
