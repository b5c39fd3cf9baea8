// Keeps the figures of a run in docs/: performance.json, and made from it, the chart and the tables of the page. A run of some measures
// replaces these and leaves the others.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartOf } from './chart.js';
import { withFigures } from './page.js';
import type { Recorded } from './report.js';

/** @param order the names of all measures, as they stand on the page. A kept measure that is not among them goes */
export function writeRecord(docs: string, order: readonly string[], measures: readonly Recorded[]): void {
  const kept = new Map(readRecord(docs).map((one) => [one.name, one]));
  for (const measure of measures) kept.set(measure.name, measure);
  const all = rounded(order.flatMap((name) => kept.get(name) ?? []));
  writeFileSync(join(docs, 'performance.json'), `${JSON.stringify(all)}\n`);
  writeFileSync(join(docs, 'performance.svg'), chartOf(all));
  const page = join(docs, 'performance.md');
  writeFileSync(page, withFigures(readFileSync(page, 'utf8'), all));
}

export function readRecord(docs: string): Recorded[] {
  try {
    return JSON.parse(readFileSync(join(docs, 'performance.json'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

/** Without digits that say nothing. */
function rounded(measures: readonly Recorded[]): Recorded[] {
  return JSON.parse(JSON.stringify(measures), (_, value) =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : value,
  );
}
