// npm run bench [-- [--quick] [--json] [--write] [--rounds N] [--dist DIR]… NAME…]: what postern costs, beside a direct connection, the least that its
// mechanisms cost in C, and other programs for the same purpose. A NAME is that of a measure, or how it begins. Several DIR are compared in the
// same rounds. --write records whole runs in docs/, and measures nothing on a busy machine. Exit status: 0, 1 if a measure
// failed, 2 for wrong usage. A missed aim is no failure.
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DIST } from '../../shared/bundles.js';
import { whatIsBusy } from './busy.js';
import { checkoutsOf } from './checkouts.js';
import { compilePrograms } from './compile.js';
import { describeHost } from './host.js';
import type { Bench } from './measure.js';
import { MEASURES } from './measures.js';
import type { Recorded, Report } from './report/report.js';
import { textOfReport } from './report/terminal.js';
import { writeRecord } from './report/write-record.js';
import { runMeasure } from './run-measure.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    dist: { type: 'string', multiple: true, default: [] },
  },
});
const names = MEASURES.map(({ name }) => name);
const matches = (name: string, word: string): boolean => name === word || name.startsWith(`${word}-`);
const unknown = positionals.filter((word) => !names.some((name) => matches(name, word)));
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
if (unknown.length > 0 || (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0))) {
  console.error(
    unknown.length > 0
      ? `There is no measure ${unknown.join(', ')}; there are ${names.join(', ')}`
      : '--rounds takes a whole number above 0',
  );
  process.exit(2);
}
if (values.write && (values.quick || rounds !== undefined || values.dist.length > 0)) {
  console.error('--write records whole runs of this checkout: leave out --quick, --rounds and --dist');
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => process.exit(128 + constants.signals[signal]));

// Such variables may cost each Node much, as the certificates of NODE_EXTRA_CA_CERTS do. The command's script takes them from postern's Node too.
for (const name of Object.keys(process.env)) if (name.startsWith('NODE_')) delete process.env[name];

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
const docs = join(DIST, '../docs');
const measures: Recorded[] = [];
const failed: { name: string; why: string }[] = [];
for (const measure of MEASURES) {
  if (positionals.length > 0 && !positionals.some((word) => matches(measure.name, word))) continue;
  try {
    const busy = values.write ? await whatIsBusy() : undefined;
    if (busy !== undefined) throw new Error(`the machine is busy, so this would be no record; ${busy}`);
    const result = { ...(await runMeasure(measure, bench, rounds)), host };
    measures.push(result);
    // At once: a run of all takes long, and may be ended.
    if (values.write) writeRecord(docs, names, [result]);
  } catch (error) {
    const why = (error as Error).message;
    bench.say(`${measure.name}: FAILED, ${why}`);
    failed.push({ name: measure.name, why });
  }
}
const report: Report = { quick: values.quick, measures, failed };
process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : textOfReport(report));
process.exit(failed.length === 0 ? 0 : 1);
