import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { COMMAND_NAMES } from '../../sandbox/cli/command-table.js';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

const [anyone = 'user'] = users;
const cwd = readableFolder();
/** bash parts words at `=` and `:` before it calls the function. */
const CALL = `source completion
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postern; printf '%s\\n' "\${COMPREPLY[@]}"`;

before(async () => {
  const { stdout } = await postern(['completion', 'bash'], { as: anyone });
  writeFileSync(join(cwd, 'completion'), stdout);
  mkdirSync(join(cwd, 'a folder'));
  writeFileSync(join(cwd, 'a file'), '');
});

/** @param words of the line, as bash parts them; the last one is completed */
function complete(...words: readonly string[]): readonly string[] {
  const args = ['--norc', '-c', CALL, 'bash', 'postern', ...words];
  const { status, stdout, stderr } = spawnSync('bash', args, { cwd, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes every command, and every option that the help of a command shows', async () => {
  assert.deepEqual(complete(''), [...COMMAND_NAMES].sort());
  assert.deepEqual(complete('--ver'), ['--version']);
  const helps = COMMAND_NAMES.map((name) => postern([name, '--help'], { as: anyone }));
  for (const [at, { stdout }] of (await Promise.all(helps)).entries()) {
    const name = COMMAND_NAMES[at] ?? '';
    const options = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option = '']) => option);
    const offered = complete(name, '--');
    assert.ok(options.includes('--help'), name);
    assert.deepEqual(
      options.filter((option) => !offered.includes(option)),
      [],
      name,
    );
  }
});

test('bash completes what stands behind asks, and the options of learn for a running plugin', () => {
  assert.deepEqual(complete('asks', ''), ['approve', 'deny']);
  assert.deepEqual(complete('asks', 'approve', '--sc'), ['--scope']);
  assert.deepEqual(complete('asks', '--json', 'approve', '--scope', 'r'), ['rule', 'run']);
  assert.deepEqual(complete('learn', '--seco'), ['--seconds']);
});

test('bash completes values: words, files, folders; and nothing where only the person knows', () => {
  assert.deepEqual(complete('run', '--mode', ''), ['audit', 'enforce']);
  assert.deepEqual(complete('run', '--mode', '='), ['audit', 'enforce']);
  assert.deepEqual(complete('run', '--mode', '=', 'au'), ['audit']);
  assert.deepEqual(complete('run', '--allow', 'api.example.com', ':', '443', '--mode', 'e'), ['enforce']);
  assert.deepEqual(complete('run', '--allow', '=', 'api.example.com', ':', '443', '--eg'), ['--egress']);
  assert.deepEqual(complete('run', '--preset', 'np'), ['npm']);
  assert.deepEqual(complete('presets', 'np'), ['npm']);
  assert.deepEqual(complete('check', 'a'), ['a file', 'a folder']);
  assert.deepEqual(complete('run', '--home', 'a'), ['a folder']);
  assert.deepEqual(complete('run', '--allow', ''), []);
  assert.deepEqual(complete('doctor', ''), []);
  assert.deepEqual(complete('nonsense', '--'), complete('--'));
});

test('bash completes programs behind run, and takes their options for none of postern', () => {
  for (const words of [
    ['run', '--', 'mkfif'],
    ['run', '--allow', 'x', 'mkfif'],
  ])
    assert.deepEqual(complete(...words), ['mkfifo']);
  assert.deepEqual(complete('run', '--', '--mo'), []);
  assert.deepEqual(complete('run', 'cat', '--mo'), []);
  assert.deepEqual(complete('run', '--', 'cat', 'a'), ['a file', 'a folder']);
});

test('a completion runs nothing of what was typed', () => {
  for (const word of ['$(touch ran)', '`touch ran`', ';touch ran;', "';touch ran;'"]) {
    complete('run', '--allow', word, '--mo');
    complete('run', '--mode', word);
    complete(word, '');
    complete('check', word);
  }
  assert.ok(!existsSync(join(cwd, 'ran')));
});

test('completion refuses another shell with those that there are', async () => {
  const { status, stderr } = await postern(['completion', 'tcsh'], { as: anyone });
  assert.equal(status, 2);
  assert.match(stderr, /^postern: .*'tcsh' is invalid.* Allowed choices are bash, zsh, fish/);
});
