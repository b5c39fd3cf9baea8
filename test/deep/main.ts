// npm run deep [-- STAGE…]: what proves more than npm test has time for. Stages run side by side where they do not disturb each other; a failure stops
// none. At the end stands a table. A STAGE is a stage's name, or that of one slice: prove/3.
//   --list         the stages and their slices
//   --for=COMMIT   one slice, chosen by the commit's hash, so that all take turns
//   --json=FILE    the results; deep.json by default
//   --write        also the table of docs/hosts.md
// Exit status: 0 where all passed, 1 where one did not, 2 for wrong usage.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endRunning } from '../run/run-with-limit.js';
import { withResults } from './page.js';
import { runSlice, type Slice, type SliceResult, slicesOf } from './run-slice.js';
import { STAGES } from './stages.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const SHOWN_OF_A_FAILURE = 60;
const isRoot = process.geteuid?.() === 0;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    for: { type: 'string' },
    json: { type: 'string', default: join(TOP, 'deep.json') },
    write: { type: 'boolean', default: false },
  },
});
const all = STAGES.flatMap(slicesOf);
if (values.list) {
  for (const { name, shows, slices } of STAGES)
    console.log(`${name.padEnd(16)}${String(slices.length).padStart(2)} slices  ${shows}`);
  process.exit(0);
}
const known = [...STAGES.map(({ name }) => name), ...all.map(({ name }) => name)];
const unknown = positionals.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(
    `There is no stage ${unknown.join(', ')}; there are ${STAGES.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const wanted = values.for === undefined ? namedSlices() : [sliceFor(values.for)];
const runnable = wanted.filter(({ stage }) => isRoot || stage.needsRoot !== true);
for (const { name } of wanted.filter((slice) => !runnable.includes(slice)))
  console.log(`left out  ${name}: it needs root`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    endRunning();
    process.exit(128 + constants.signals[signal]);
  });
const logs = mkdtempSync(join(tmpdir(), 'postern-deep-'));
const results = await runAll(runnable);
report(results);
process.exit(results.length > 0 && results.every(({ result }) => result === 'passed') ? 0 : 1);

function namedSlices(): readonly Slice[] {
  if (positionals.length === 0) return all;
  return all.filter(({ name, stage }) => positionals.includes(name) || positionals.includes(stage.name));
}

function sliceFor(commit: string): Slice {
  const slices = all.filter(({ stage }) => stage.notInCi !== true && (isRoot || stage.needsRoot !== true));
  const number = Number.parseInt(commit.slice(0, 8), 16);
  const slice = slices[number % slices.length];
  if (slice === undefined) {
    console.error(`--for takes the hash of a commit, not "${commit}"`);
    process.exit(2);
  }
  return slice;
}

/** First those that run beside each other, then those that run alone. */
async function runAll(slices: readonly Slice[]): Promise<readonly SliceResult[]> {
  const done: SliceResult[] = [];
  const now = new Set<string>();
  async function run(slice: Slice, beside = 1): Promise<void> {
    now.add(slice.name);
    console.log(`begins    ${slice.name}; now: ${[...now].join(', ')}`);
    const result = await runSlice(slice, logs, beside);
    now.delete(slice.name);
    done.push(result);
    console.log(
      `${result.result === 'passed' ? 'passed  ' : 'FAILED  '}  ${slice.name}: ${said(result)}, ${result.seconds} s`,
    );
    if (result.result !== 'passed')
      console.log(readFileSync(result.log, 'utf8').split('\n').slice(-SHOWN_OF_A_FAILURE).join('\n'));
  }
  const waiting = slices.filter(({ stage }) => stage.alone !== true);
  const atOnce = Math.min(waiting.length, Math.floor(availableParallelism() / 2) + 1);
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let slice = waiting.shift(); slice !== undefined; slice = waiting.shift())
        await run(slice, atOnce);
    }),
  );
  for (const slice of slices) if (slice.stage.alone === true) await run(slice);
  return done;
}

function said({ result, tests }: SliceResult): string {
  if (tests === undefined) return result;
  const skipped = tests.skipped === 0 ? '' : `, ${tests.skipped} skipped`;
  return `${result}, ${tests.passed} passed, ${tests.failed} failed${skipped}`;
}

function report(done: readonly SliceResult[]): void {
  const commit = execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], {
    cwd: TOP,
    encoding: 'utf8',
  }).trim();
  const date = new Date().toISOString().slice(0, 10);
  const sorted = all.flatMap(({ name }) => done.filter(({ slice }) => slice === name));
  writeFileSync(values.json, `${JSON.stringify({ commit, date, slices: sorted }, null, 2)}\n`);
  console.log(`\n${'stage'.padEnd(18)}${'tests'.padStart(8)}${'time'.padStart(9)}  result`);
  for (const { slice, tests, seconds, result } of sorted) {
    const count = tests === undefined ? '' : String(tests.passed + tests.failed);
    console.log(`${slice.padEnd(18)}${count.padStart(8)}${`${seconds} s`.padStart(9)}  ${result}`);
  }
  if (values.write) {
    const page = join(TOP, 'docs/hosts.md');
    writeFileSync(page, withResults(readFileSync(page, 'utf8'), sorted, { commit, date }));
  }
  const passed = sorted.filter(({ result }) => result === 'passed').length;
  console.log(`The outputs are in ${logs}, the results in ${values.json}`);
  console.log(`${passed} passed, ${sorted.length - passed} failed`);
}
