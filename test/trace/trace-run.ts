// A traced run of tests: the trees that count what runs, and the record that each test file is written into when it ends.
import type { TestTree } from '../run/run-files.js';
import { testFiles } from '../run/test-files.js';
import { mergeRecords, readRecord, writeRecord } from './record.js';
import { makeTracedTrees } from './traced-trees.js';

/** @param atOnce how many test files run at the same time @returns a tree for each of these */
export function traceRun(atOnce: number): readonly TestTree[] {
  const all = testFiles('gate', ['']);
  const { trees, graph } = makeTracedTrees(atOnce, (test, sources) => {
    writeRecord(mergeRecords(readRecord(), { kinds, executed: { [test]: sources } }, all));
  });
  const kinds = Object.fromEntries([...graph.product].map(([path, { kind }]) => [`${path}.ts`, kind]));
  return trees;
}
