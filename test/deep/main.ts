// npm run deep [-- STAGE…]: what proves more than npm test has time for. Stages run side by side where they do not disturb each other; a failure stops
// none. At the end stands a table. A STAGE is a stage's name, or that of one slice: prove/3.
//   --list         the stages and their slices
//   --for=COMMIT   one slice, chosen by the commit's hash, so that all take turns
//   --json=FILE    the results, written after each slice; deep.json by default
//   --continue     what FILE has of the same commit stays, and what passed does not run again: several runs make a whole one
//   --write        also the table of docs/hosts.md
// Exit status: 0 where all passed, 1 where one did not, 2 for wrong usage.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { endRunning } from '../run/run-with-limit.js';
import { withResults } from './page.js';
import { runSlice, type Slice, type SliceResult, slicesOf } from './run-slice.js';
import { MACHINES_AT_ONCE, STAGES } from './stages.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
const SHOWN_OF_A_FAILURE = 60;
const isRoot = process.geteuid?.() === 0;

/** The file of the results. */
interface Results {
  readonly commit: string;
  readonly date: string;
  readonly slices: readonly SliceResult[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    for: { type: 'string' },
    json: { type: 'string', default: join(TOP, 'deep.json') },
    continue: { type: 'boolean', default: false },
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
const commit = git('rev-parse', '--short=10', 'HEAD');
const before = values.continue ? resultsBefore() : [];
const kept = before.filter(({ result }) => result === 'passed');
const wanted = (values.for === undefined ? namedSlices() : [sliceFor(values.for)]).filter(
  ({ name }) => !kept.some(({ slice }) => slice === name),
);
const runnable = wanted.filter(({ stage }) => isRoot || stage.needsRoot !== true);
for (const { name } of wanted.filter((slice) => !runnable.includes(slice)))
  console.log(`left out  ${name}: it needs root`);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    endRunning();
    process.exit(128 + constants.signals[signal]);
  });
const logs = mkdtempSync(join(tmpdir(), 'postern-deep-'));
/** What did not pass before stays until it has run again. */
const done = new Map(before.map((result) => [result.slice, result]));
await runAll(runnable);
report();
process.exit(done.size > 0 && [...done.values()].every(({ result }) => result === 'passed') ? 0 : 1);

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

/** First those that run beside each other, the longest first, so that none is left over at the end; then those that run alone. */
async function runAll(slices: readonly Slice[]): Promise<void> {
  const now = new Set<string>();
  async function run(slice: Slice, beside = 1): Promise<void> {
    now.add(slice.name);
    console.log(`begins    ${slice.name}; now: ${[...now].join(', ')}`);
    const { attempts = 1 } = before.find((one) => one.slice === slice.name) ?? { attempts: 0 };
    const ended = await runSlice(slice, logs, beside);
    const result = attempts === 0 ? ended : { ...ended, attempts: attempts + 1 };
    now.delete(slice.name);
    done.set(slice.name, result);
    write();
    console.log(
      `${result.result === 'passed' ? 'passed  ' : 'FAILED  '}  ${slice.name}: ${said(result)}, ${result.seconds} s`,
    );
    if (result.result !== 'passed')
      console.log(readFileSync(result.log, 'utf8').split('\n').slice(-SHOWN_OF_A_FAILURE).join('\n'));
  }
  const waiting = slices
    .filter(({ stage }) => stage.alone !== true)
    .sort((a, b) => b.stage.minutes - a.stage.minutes);
  // A slice waits for a machine, a sandbox or a timer about as often as it uses a processor.
  const atOnce = Math.min(waiting.length, Math.floor(availableParallelism() / 2) + 2);
  let machines = 0;
  /** Undefined only where every waiting slice is a machine, and as many as may run do: those that run them take the rest. */
  function next(): Slice | undefined {
    const index = waiting.findIndex(({ stage }) => stage.isMachine !== true || machines < MACHINES_AT_ONCE);
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  }
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let slice = next(); slice !== undefined; slice = next()) {
        const isMachine = slice.stage.isMachine === true;
        if (isMachine) machines += 1;
        await run(slice, atOnce);
        if (isMachine) machines -= 1;
      }
    }),
  );
  for (const slice of slices) if (slice.stage.alone === true) await run(slice);
}

function said({ result, tests }: SliceResult): string {
  if (tests === undefined) return result;
  const skipped = tests.skipped === 0 ? '' : `, ${tests.skipped} skipped`;
  return `${result}, ${tests.passed} passed, ${tests.failed} failed${skipped}`;
}

function git(...words: readonly string[]): string {
  return execFileSync('git', words, { cwd: TOP, encoding: 'utf8' }).trim();
}

function resultsBefore(): readonly SliceResult[] {
  const changed = git('status', '--porcelain', '--untracked-files=no');
  // The tables that --write makes are of no slice.
  const others = changed.split('\n').filter((line) => line !== '' && !line.endsWith(' docs/hosts.md'));
  if (others.length > 0) {
    console.error(`--continue needs the files of one commit; these differ from it:\n${others.join('\n')}`);
    process.exit(2);
  }
  if (!existsSync(values.json)) return [];
  const former: Results = JSON.parse(readFileSync(values.json, 'utf8'));
  return former.commit === commit ? former.slices : [];
}

function write(): Results {
  const date = new Date().toISOString().slice(0, 10);
  const slices = all.flatMap(({ name }) => done.get(name) ?? []);
  const written: Results = { commit, date, slices };
  writeFileSync(values.json, `${JSON.stringify(written, null, 2)}\n`);
  return written;
}

function report(): void {
  const { date, slices: sorted } = write();
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
