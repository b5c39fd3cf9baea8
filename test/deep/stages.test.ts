import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { testFiles } from '../run/test-files.js';
import { programOf } from './run-slice.js';
import { STAGES } from './stages.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

test('each slice of a stage starts a program that is there', () => {
  for (const { name, slices } of STAGES)
    for (const [first = '', ...words] of slices) {
      const program = programOf(first);
      const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
      assert.ok(
        folders.some((folder) => existsSync(join(folder, program))),
        `${name}: ${first}`,
      );
      for (const word of words.filter((one) => one.startsWith('dist/')))
        assert.ok(existsSync(join(TOP, word)), `${name}: ${word}`);
    }
});

test('each test file that npm test leaves out belongs to a stage', () => {
  const ofStages = STAGES.flatMap(({ slices }) =>
    slices.flatMap((words) => {
      const runner = words.indexOf('dist/test/run/main.js');
      const named = words.slice(runner + 1).filter((word) => !word.startsWith('--'));
      return runner < 0 || named.length === 0 ? [] : testFiles('gate', named);
    }),
  );
  const left = testFiles('deep');
  assert.ok(left.length > 30, `${left.length}`);
  assert.deepEqual(
    left.filter((file) => !ofStages.includes(file)),
    [],
  );
});
