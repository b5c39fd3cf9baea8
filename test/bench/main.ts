// npm run bench [-- [--quick] [--json] [--rounds N] [--dist DIR]… NAME…]: what postern costs, beside a direct connection, the least that its
// mechanisms cost in C, and other programs for the same purpose. A NAME is that of a measure, or how it begins. Several DIR are compared in the
// same rounds. Exit status: 0, or 2 for wrong usage.
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { checkoutsOf } from './checkouts.js';
import { compilePrograms } from './compile.js';
import { describeHost, doubtsOf } from './host.js';
import type { Bench } from './measure.js';
import { MEASURES } from './measures.js';
import type { Report } from './report/report.js';
import { textOfReport } from './report/terminal.js';
import { runMeasure } from './run-measure.js';
import type { MeasureResult } from './summarize.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    dist: { type: 'string', multiple: true, default: [] },
  },
});
const matches = (name: string, word: string): boolean => name === word || name.startsWith(`${word}-`);
const unknown = positionals.filter((word) => !MEASURES.some(({ name }) => matches(name, word)));
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (unknown.length > 0 || (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))) {
  const names = MEASURES.map(({ name }) => name).join(', ');
  console.error(
    unknown.length > 0 ? `There is no measure ${unknown.join(', ')}; there are ${names}` : '--rounds N',
  );
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

const began = performance.now();
const host = describeHost();
const bench: Bench = {
  quick: values.quick,
  checkouts: checkoutsOf(values.dist),
  programs: compilePrograms(),
  say: (text) => {
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    process.stderr.write(`${seconds.padStart(6)} s  ${text}\n`);
  },
};
const measures: MeasureResult[] = [];
for (const measure of MEASURES) {
  if (positionals.length > 0 && !positionals.some((word) => matches(measure.name, word))) continue;
  measures.push(await runMeasure(measure, bench, rounds));
}
const report: Report = { host, doubts: doubtsOf(host), quick: values.quick, measures };
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : textOfReport(report));
process.exit(0);
