import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readableFolder } from '../harness/users.js';
import { parseLines } from './parse-lines.js';
import { planTap, prepareRunner, type TapPart, treeOf } from './tap.js';

const part: TapPart = {
  name: 'own/part',
  folder: 'own',
  files: ['t/states.t', 't/dies.t', 't/all.t'],
  seconds: 9,
};
const FILES: Readonly<Record<string, string>> = {
  'states.t': `
print "1..4\\nbegins\\nok 1 - port $$\\nnot ok 2 - no\\n";
open my $out, '>', 't/beside-its-source' or die;
print "ok 3 # skip later\\nnot ok 4 # TODO later\\n";`,
  'dies.t': 'print "1..2\\nok 1\\n"; exit 3;',
  'all.t': 'print "1..0 # SKIP not here\\n";',
};

function run(only?: string): Readonly<Record<string, string>> {
  const made = readableFolder();
  const work = readableFolder();
  mkdirSync(join(treeOf(made, part), 'own/t'), { recursive: true });
  for (const [name, text] of Object.entries(FILES))
    writeFileSync(join(treeOf(made, part), 'own/t', name), text);
  prepareRunner(made);
  const { words, cwd, results = '' } = planTap(part, { made, work }, only);
  const [program = '', ...args] = words;
  const { status, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return Object.fromEntries(
    [...parseLines(readFileSync(results, 'utf8'))].map(([name, { state }]) => [name, state]),
  );
}

const STATES = {
  ...{ 'own/t/states.t 1': 'ok', 'own/t/states.t 2': 'failed', 'own/t/states.t 3': 'skipped' },
  ...{ 'own/t/states.t 4': 'ok', 'own/t/states.t ends': 'ok' },
};

test('each test of a file that speaks TAP has its outcome, and so has the end of the file', () => {
  assert.deepEqual(run(), { ...STATES, 'own/t/dies.t 1': 'ok', 'own/t/dies.t ends': 'failed' });
});

test('for a single test its file runs, and no other', () => {
  assert.deepEqual(run('own/t/states.t 2'), STATES);
});
