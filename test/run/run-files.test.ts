import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Need } from './needs.js';
import type { FileResult } from './run-file.js';
import { closingWords, describe } from './run-files.js';

const need = (name: string): Need => ({ name, isMet: () => false, used: /^$/ });
const [one, two] = [need('one'), need('two')];

function notStarted(file: string, missing: readonly Need[]): FileResult {
  const why = `needs ${missing.map(({ name }) => name).join(', ')}`;
  return {
    file,
    tests: [{ test: `the file ${file}`, file, outcome: 'skipped', ms: 0, why }],
    seconds: 0,
    output: '',
    missing,
  };
}

const ran: FileResult = {
  file: 'c',
  tests: [
    { test: 'passes', file: 'c', outcome: 'passed', ms: 1 },
    { test: 'is skipped', file: 'c', outcome: 'skipped', ms: 1, why: 'needs root' },
  ],
  seconds: 1,
  output: '',
};

test('files that were not started are counted by package, and one command installs all', () => {
  assert.deepEqual(closingWords([notStarted('a', [one]), ran, notStarted('b', [one, two])]), [
    'Skipped: 1 tests of 1 files: needs root',
    'Skipped: 2 files: they need one; apt-get install one',
    'Skipped: 1 files: they need two; apt-get install two',
    '2 files were not started. Each counts as one skipped test. To run them all: apt-get install one two',
    '1 passed, 0 failed, 3 skipped',
  ]);
  assert.equal(describe(notStarted('b', [one, two])), 'b  not started: needs one, two');
});
