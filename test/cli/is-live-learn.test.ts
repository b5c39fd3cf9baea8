import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseProgram, isLiveLearn } from '../../sandbox/cli/choose-program.js';

test('isLiveLearn() takes one name of a plugin with options of its own alone', () => {
  for (const line of [
    'web',
    'web --seconds 5',
    '--seconds=5 web --json',
    '--control /run/c.sock web --allowed',
    'web --output rules.yaml --config up.yaml',
    'web --help',
  ])
    assert.ok(isLiveLearn(line.split(' ')), line);
});

test('isLiveLearn() leaves to run every program, whatever its words', () => {
  for (const line of [
    '',
    '--help',
    '-- web',
    '-- curl --control x',
    '--seconds 5',
    'curl -sS https://example.com/',
    'curl https://example.com/',
    './build.sh',
    'web --allow example.com',
    '--allow example.com web',
    '--json -- web',
    'Web',
  ])
    assert.ok(!isLiveLearn(line.split(' ').filter(Boolean)), line);
});

test('the program for a running postern has learn NAME, and that for programs has learn -- COMMAND', () => {
  assert.equal(chooseProgram(['learn', 'web']), 'postern-control');
  assert.equal(chooseProgram(['learn', '--', 'web']), 'postern-main');
});
