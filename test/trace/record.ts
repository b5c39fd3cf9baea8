// dist/tests-of.json: which sources each test file executed when it was last traced.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ModuleKind } from './instrument.js';

/** Where traced runs put their results. The build leaves it alone. */
const RECORD_FILE: string = fileURLToPath(new URL('../../tests-of.json', import.meta.url));

export interface TraceRecord {
  /** Each source of the last traced run. */
  readonly kinds: Readonly<Record<string, ModuleKind>>;
  /** By the path of the test file below test/, without `.test.ts`: the sources that it executed. */
  readonly executed: Readonly<Record<string, readonly string[]>>;
}

/** @returns undefined if no run was traced */
export function readRecord(file: string = RECORD_FILE): TraceRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TraceRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The results of a run beside the earlier ones of other test files.
 *
 * @param tests the test files that there are
 */
export function mergeRecords(
  earlier: TraceRecord | undefined,
  later: TraceRecord,
  tests: readonly string[],
): TraceRecord {
  const all = { ...earlier?.executed, ...later.executed };
  const executed = Object.fromEntries(
    tests.flatMap((test) => (all[test] === undefined ? [] : [[test, all[test]]])),
  );
  return { kinds: later.kinds, executed };
}

/** In one step: a run that is ended leaves the earlier results. */
export function writeRecord(record: TraceRecord, file: string = RECORD_FILE): void {
  writeFileSync(`${file}.new`, `${JSON.stringify(record)}\n`);
  renameSync(`${file}.new`, file);
}
