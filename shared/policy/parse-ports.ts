// Reads the ports of a rule.

/** Ports from `low` to `high`, both included, each 1 to 65535. */
export interface PortRange {
  readonly low: number;
  readonly high: number;
}

const MAX_PORT = 65_535;
export const EVERY_PORT: readonly PortRange[] = [{ low: 1, high: MAX_PORT }];
/** The port of an allow rule that has no port. */
export const DEFAULT_PORTS: readonly PortRange[] = [{ low: 443, high: 443 }];

/** Texts of ports with their ranges. Most rules of a list share a few of them. */
const READ = new Map<string, readonly PortRange[]>([
  ['*', EVERY_PORT],
  ['443', DEFAULT_PORTS],
]);
/** Further texts are read each time. */
const MAX_READ = 1_024;

/** Ports and ranges of one rule: its text is in each event that it decides. */
export const MAX_PORT_ITEMS = 40;

const ITEM = /^([1-9]\d{0,4})(?:-([1-9]\d{0,4}))?$/;

/**
 * Reads `*`, or a list of ports and ranges such as `80,443,8000-8100`.
 *
 * @param text after the colon
 * @returns the ranges, sorted, with adjacent ones joined, or undefined
 */
export function parsePorts(text: string): readonly PortRange[] | undefined {
  const known = READ.get(text);
  if (known) return known;
  const ports = readPorts(text);
  if (ports && READ.size < MAX_READ) READ.set(text, ports);
  return ports;
}

function readPorts(text: string): readonly PortRange[] | undefined {
  const ranges: PortRange[] = [];
  const items = text.split(',');
  if (items.length > MAX_PORT_ITEMS) return undefined;
  for (const item of items) {
    const range = parseItem(item);
    if (!range) return undefined;
    ranges.push(range);
  }
  return joinRanges(ranges);
}

/** Whether ports are all of them. */
export function isEveryPort([first]: readonly PortRange[]): boolean {
  return first?.low === 1 && first.high === MAX_PORT;
}

/** Whether a value is a port from 1 to 65535. */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_PORT;
}

function parseItem(item: string): PortRange | undefined {
  const match = ITEM.exec(item);
  if (!match) return undefined;
  const low = Number(match[1]);
  const high = match[2] === undefined ? low : Number(match[2]);
  return low <= high && high <= MAX_PORT ? { low, high } : undefined;
}

/** Sorts ranges and joins adjacent ones. */
export function joinRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  if (ranges.length < 2) return ranges;
  const joined: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.low - b.low)) {
    const last = joined.at(-1);
    if (last && range.low <= last.high + 1) {
      joined[joined.length - 1] = { low: last.low, high: Math.max(last.high, range.high) };
    } else joined.push(range);
  }
  return joined;
}
