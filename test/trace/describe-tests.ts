// What npm run tests-of says, from the record of traced runs. Pure.
import { posix } from 'node:path';
import type { TraceRecord } from './record.js';

/** The path of a source as the record has it. @param top the checkout, absolute */
export function sourceOf(path: string, top: string, cwd: string): string {
  const below = posix.relative(top, posix.resolve(cwd, path)).replace(/^dist\//, '');
  return below.replace(/\.js$/, '.ts');
}

/** @param exists whether there is such a file now */
export function describeTests(record: TraceRecord, source: string, exists: boolean): readonly string[] {
  const kind = record.kinds[source];
  if (kind === undefined)
    return [
      exists
        ? `${source}: not a source of postern, or made after the last traced run`
        : `${source}: there is no such source`,
    ];
  if (kind === 'types') return [`${source}: only types, which nothing executes`];
  const tests = Object.keys(record.executed).filter((test) => record.executed[test]?.includes(source));
  if (tests.length === 0) return [`${source}: executed by no test`];
  const how = kind === 'table' ? ' (it exports no function: these execute a module that imports it)' : '';
  return [`${source}: ${count(tests.length, 'test file')}${how}`, ...tests.sort().map((test) => `  ${test}`)];
}

/** The sources that no test executed. */
export function describeUntested({ kinds, executed }: TraceRecord): readonly string[] {
  const seen = new Set(Object.values(executed).flat());
  const sources = Object.keys(kinds).filter((source) => kinds[source] !== 'types');
  const unseen = sources.filter((source) => !seen.has(source));
  return [...unseen, `${unseen.length} of ${sources.length} sources are executed by no test`];
}

/** @param gate the test files of `npm test` @returns a warning if some of them were never traced */
export function describeGaps({ executed }: TraceRecord, gate: readonly string[]): readonly string[] {
  const missing = gate.filter((test) => executed[test] === undefined);
  if (missing.length === 0) return [];
  return [
    `${missing.length} of ${count(gate.length, 'test file')} were never traced: node dist/test/run/main.js --trace traces them`,
  ];
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
