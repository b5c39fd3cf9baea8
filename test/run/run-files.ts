// Runs test files side by side, says how each went, and sums up.
import { availableParallelism } from 'node:os';
import { fixOf, missingFor, type Need } from './needs.js';
import { type FileResult, runFile, type TestEnd } from './run-file.js';
import { endRunning } from './run-with-limit.js';

export interface RunOptions {
  /** Words for the test files, as harness/asked.ts reads them. */
  readonly words?: readonly string[];
  /** Options of Node. */
  readonly node?: readonly string[];
  /** How many run at the same time. */
  readonly atOnce?: number;
  readonly limitMs: number;
  /** One for each file that runs at the same time. By default all use the tree of this module. */
  readonly trees?: readonly TestTree[];
  /** By default a file that registers no test has failed. */
  readonly mayBeEmpty?: boolean;
  /** @param place `12/430` */
  readonly onResult: (result: FileResult, place: string) => void;
}

/** A compiled tree whose tests one runner runs, one file after the other. */
export interface TestTree {
  /** The folder of its tests. */
  readonly tests: string;
  /** Called before each file. */
  begin(): void;
  /** Called after it. */
  end(file: string): void;
}

/** A test waits much of its time, so more files run than there are processors. */
export const AT_ONCE: number = availableParallelism() + 3;

/** Runs the files in this order. Results come in the order in which the files end. A file whose need is missing is not started. */
export async function runFiles(
  files: readonly string[],
  options: RunOptions,
): Promise<readonly FileResult[]> {
  const { words = [], node = [], trees, atOnce = AT_ONCE, limitMs, mayBeEmpty = false, onResult } = options;
  const results: FileResult[] = [];
  const waiting = [...files];
  const end = (signal: NodeJS.Signals): void => {
    endRunning();
    process.kill(process.pid, signal);
  };
  for (const signal of SIGNALS) process.once(signal, end);
  async function runner(tree?: TestTree): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const missing = missingFor(file);
      tree?.begin();
      const result =
        missing.length > 0
          ? notStarted(file, missing)
          : await runFile(file, { words, limitMs, node, mayBeEmpty, ...(tree && { tests: tree.tests }) });
      tree?.end(file);
      results.push(result);
      const place = `${results.length}`.padStart(`${files.length}`.length);
      onResult(result, `${place}/${files.length}`);
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, files.length) }, (_, at) => runner(trees?.[at])));
  for (const signal of SIGNALS) process.removeListener(signal, end);
  return results;
}

/** How many tests the file has is unknown: it counts as one. */
function notStarted(file: string, missing: readonly Need[]): FileResult {
  const why = `needs ${missing.map(({ name }) => name).join(', ')} (${fixOf(missing)})`;
  const test: TestEnd = { test: `the file ${file}`, file, outcome: 'skipped', ms: 0, why };
  return { file, tests: [test], seconds: 0, output: '', missing };
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The file with its counts and its time. */
export function describe({ file, tests, seconds, missing }: FileResult): string {
  if (missing !== undefined) return `${file}  not started: ${tests[0]?.why}`;
  const { passed, failed, skipped } = countOf(tests);
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  return `${file}  ${counts.join(', ')}  ${seconds.toFixed(1)} s`;
}

export interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function countOf(tests: readonly TestEnd[]): Count {
  const count = (outcome: TestEnd['outcome']): number =>
    tests.filter((test) => test.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/**
 * The closing words of a run: what failed with its output, what was skipped and why, how to run the files that were not started, and the count alone
 * on the last line.
 */
export function closingWords(results: readonly FileResult[]): readonly string[] {
  const tests = results.flatMap((result) => result.tests);
  const failed = results.filter((result) => result.tests.some(({ outcome }) => outcome === 'failed'));
  const reasons = new Map<string, TestEnd[]>();
  for (const test of results.flatMap((result) => (result.missing === undefined ? result.tests : []))) {
    if (test.outcome !== 'skipped') continue;
    const reason = test.why ?? 'no reason given';
    reasons.set(reason, [...(reasons.get(reason) ?? []), test]);
  }
  const count = countOf(tests);
  return [
    ...failed.flatMap((result) => ['', `FAILED  ${result.file}`, ...wordsOfFailure(result)]),
    ...[...reasons].map(
      ([reason, those]) =>
        `Skipped: ${those.length} tests of ${new Set(those.map(({ file }) => file)).size} files: ${reason}`,
    ),
    ...wordsOfMissing(results.flatMap(({ missing }) => (missing === undefined ? [] : [missing]))),
    `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`,
  ];
}

/** Why each test of a file failed, and what the file printed. Nothing where none failed. */
export function wordsOfFailure({ tests, output }: FileResult): readonly string[] {
  const indented = (text: string): string => text.replaceAll('\n', '\n    ');
  return [
    ...tests
      .filter(({ outcome }) => outcome === 'failed')
      .map(({ test, why }) => `  ${test}\n    ${indented(why ?? '')}`),
    ...(output === '' ? [] : [`  Its output:\n    ${indented(output)}`]),
  ];
}

/** @param missing of each file that was not started */
function wordsOfMissing(missing: readonly (readonly Need[])[]): readonly string[] {
  if (missing.length === 0) return [];
  const files = new Map<Need, number>();
  for (const need of missing.flat()) files.set(need, (files.get(need) ?? 0) + 1);
  const sorted = [...files].sort(([, one], [, other]) => other - one);
  return [
    ...sorted.map(([need, count]) => `Skipped: ${count} files: they need ${need.name}; ${fixOf([need])}`),
    `${missing.length} files were not started. Each counts as one skipped test. To run them all: ${fixOf([...files.keys()])}`,
  ];
}
