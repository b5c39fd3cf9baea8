// Runs one test file in a process of its own, with a time limit, and ends whatever it left running when the limit has passed. `node --test` does
// the same, but under Node 20 it passes no words to the files and kills only the file's own process.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withRoom } from './full-disk.js';
import type { Need } from './needs.js';
import type { Reported } from './reporter.js';
import { runWithLimit } from './run-with-limit.js';

export interface TestEnd {
  readonly test: string;
  /** Below dist/test, without `.test.js`. */
  readonly file: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly ms: number;
  /** Why it failed or was skipped. */
  readonly why?: string;
}

export interface FileResult {
  readonly file: string;
  readonly tests: readonly TestEnd[];
  readonly seconds: number;
  /** Missing if the file's process was killed. */
  readonly cpuSeconds?: number;
  /** What its process wrote, if a test failed. */
  readonly output: string;
  /** What it needs and this machine does not have: then it was not started. It counts as one skipped test. */
  readonly missing?: readonly Need[];
}

export interface FileOptions {
  /** Words for the test file, as harness/asked.ts reads them. */
  readonly words: readonly string[];
  readonly limitMs: number;
  /** Options of Node. */
  readonly node: readonly string[];
  /** The folder of the compiled tests. */
  readonly tests?: string;
  /** By default a file that registers no test has failed. */
  readonly mayBeEmpty?: boolean;
}

const REPORTER = fileURLToPath(new URL('./reporter.js', import.meta.url));
const TESTS = fileURLToPath(new URL('..', import.meta.url));
const MAX_OUTPUT = 20_000;
// Node reads the certificates of NODE_EXTRA_CA_CERTS at its start, whether it needs them or not: some 60 ms for the file of a system. Only npm needs them.
const { NODE_EXTRA_CA_CERTS: cafile, ...ENVIRONMENT } = process.env;
if (cafile) ENVIRONMENT['npm_config_cafile'] ??= cafile;
/** More than a report and an output take together. */
const ROOM_BYTES = 1_000_000;

/** @param file below dist/test, without `.test.js` */
export async function runFile(
  file: string,
  { words, limitMs, node, tests: from = TESTS, mayBeEmpty = false }: FileOptions,
): Promise<FileResult> {
  const folder = withRoom(tmpdir(), () => mkdtempSync(join(tmpdir(), 'postern-run-')));
  const report = join(folder, 'report');
  const written = withRoom(tmpdir(), () => openSync(join(folder, 'output'), 'w'));
  const began = performance.now();
  const { timedOut, how } = await runWithLimit(
    limitMs,
    process.execPath,
    [
      ...node,
      `--test-reporter=${REPORTER}`,
      `--test-reporter-destination=${report}`,
      join(from, `${file}.test.js`),
      ...words,
    ],
    { stdio: ['ignore', written, written], env: ENVIRONMENT },
  );
  closeSync(written);
  const output = readFileSync(join(folder, 'output'), 'utf8');
  const reported = linesOf(report);
  // On a full disk the report may end early, and tests fail for nothing else.
  if (how !== undefined)
    withRoom(tmpdir(), () => writeFileSync(join(folder, 'room'), Buffer.alloc(ROOM_BYTES)));
  rmSync(folder, { recursive: true });
  const tests = endsOf(file, reported);
  const unfinished = reported.findLast(
    (line) => line.event === 'start' && !tests.some(({ test }) => test === line.test),
  );
  const cost = reported.find((line) => line.event === 'cost');
  const seconds = (performance.now() - began) / 1_000;
  const failed = tests.some(({ outcome }) => outcome === 'failed');
  // A process may fail beside its tests: when it loads, at its end, or by a hang.
  if (
    timedOut ||
    (how !== undefined && !failed) ||
    (tests.length === 0 && cost === undefined && !mayBeEmpty)
  ) {
    const test = unfinished?.event === 'start' ? unfinished.test : `the file ${file}`;
    const why = timedOut ? `not done within ${Math.round(limitMs / 1_000)} s` : (how ?? 'it ran no test');
    tests.push({ test, file, outcome: 'failed', ms: Math.round(seconds * 1_000), why });
  }
  const isRed = tests.some(({ outcome }) => outcome === 'failed');
  return {
    file,
    tests,
    seconds,
    ...(cost?.event === 'cost' ? { cpuSeconds: cost.cpuSeconds } : {}),
    output: isRed ? output.slice(-MAX_OUTPUT) : '',
  };
}

function linesOf(report: string): readonly Reported[] {
  let text = '';
  try {
    text = readFileSync(report, 'utf8');
  } catch {
    // The process did not come to its first test.
  }
  // A process that was killed may leave half a line.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Reported);
}

function endsOf(file: string, reported: readonly Reported[]): TestEnd[] {
  return reported.flatMap((line) => {
    if (line.event !== 'end') return [];
    const { test, outcome, ms, why } = line;
    return [{ test, file, outcome, ms, ...(why === undefined ? {} : { why }) }];
  });
}
