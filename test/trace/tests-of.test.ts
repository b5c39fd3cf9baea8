import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { describeGaps, describeTests, describeUntested, sourceOf } from './describe-tests.js';
import { graphOf, withTables } from './module-graph.js';
import { mergeRecords, readRecord, type TraceRecord, writeRecord } from './record.js';

const RECORD: TraceRecord = {
  kinds: {
    'broker/main.ts': 'program',
    'broker/trap/words.ts': 'table',
    'shared/used.ts': 'functions',
    'shared/unused.ts': 'functions',
    'shared/shapes.ts': 'types',
  },
  executed: {
    'integration/run': ['broker/main.ts', 'broker/trap/words.ts', 'shared/used.ts'],
    'shared/used': ['shared/used.ts'],
  },
};

test('the tests of a source are named, or why there are none', () => {
  const say = (source: string, exists = true): readonly string[] => describeTests(RECORD, source, exists);
  assert.deepEqual(say('shared/used.ts'), [
    'shared/used.ts: 2 test files',
    '  integration/run',
    '  shared/used',
  ]);
  assert.deepEqual(say('broker/trap/words.ts'), [
    'broker/trap/words.ts: 1 test file (it exports no function: these execute a module that imports it)',
    '  integration/run',
  ]);
  assert.deepEqual(say('shared/unused.ts'), ['shared/unused.ts: executed by no test']);
  assert.deepEqual(say('shared/shapes.ts'), ['shared/shapes.ts: only types, which nothing executes']);
  assert.match(say('shared/new.ts').join(), /made after the last traced run/);
  assert.match(say('shared/nwe.ts', false).join(), /there is no such source/);
});

test('a source can be named from any folder, and by its compiled file', () => {
  assert.equal(sourceOf('trap/words.ts', '/top/', '/top/broker'), 'broker/trap/words.ts');
  assert.equal(sourceOf('/top/dist/broker/main.js', '/top/', '/'), 'broker/main.ts');
});

test('sources without a test are listed, and test files that were never traced are counted', () => {
  assert.deepEqual(describeUntested(RECORD), ['shared/unused.ts', '1 of 4 sources are executed by no test']);
  assert.deepEqual(describeGaps(RECORD, ['integration/run', 'shared/used']), []);
  assert.match(describeGaps(RECORD, ['integration/run', 'shared/other']).join(), /^1 of 2 test files were/);
});

test('a later run replaces the results of its own test files, and drops those of files that are gone', () => {
  const file = join(readableFolder(), 'tests-of.json');
  assert.equal(readRecord(file), undefined);
  writeRecord(RECORD, file);
  const later = { kinds: RECORD.kinds, executed: { 'shared/used': ['shared/unused.ts'], 'a/new': [] } };
  assert.deepEqual(mergeRecords(readRecord(file), later, ['shared/used', 'a/new']).executed, later.executed);
  const kept = mergeRecords(RECORD, later, ['shared/used', 'integration/run']).executed;
  assert.deepEqual(Object.keys(kept), ['shared/used', 'integration/run']);
});

test('what a module is follows from its text and from who imports it; a table runs with its importers', () => {
  const graph = graphOf(
    new Map([
      ['broker/main', "import { go } from './go.js';\nimport '../shared/effect.js';\ngo();"],
      ['broker/go', "import { words } from './words.js';\nexport function go() { return words; }"],
      ['broker/words', "import { first } from '../shared/first.js';\nexport const words = [first];"],
      ['shared/first', 'export const first = make();\nfunction make() { return 1; }'],
      ['shared/other', 'export const other = 2;'],
      ['shared/effect', 'process.on("exit", () => {});'],
      ['shared/shapes', 'export {};'],
      ['test/a.test', "import './scene.js';"],
      ['test/scene', "import { other } from '../shared/other.js';"],
    ]),
  );
  const kinds = Object.fromEntries([...graph.product].map(([path, { kind }]) => [path, kind]));
  assert.deepEqual(kinds, {
    'broker/main': 'program',
    'broker/go': 'functions',
    'broker/words': 'table',
    'shared/first': 'table',
    'shared/other': 'table',
    'shared/effect': 'program',
    'shared/shapes': 'types',
  });
  assert.deepEqual(withTables(graph, 'test/a.test', []), ['shared/other']);
  assert.deepEqual(withTables(graph, 'test/b.test', ['broker/go']), [
    'broker/go',
    'broker/words',
    'shared/first',
  ]);
});
