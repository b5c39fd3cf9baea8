import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readableFile } from '../harness/users.js';
import { parseLines } from './parse-lines.js';

const recorded = readFileSync(new URL('recorded/cpython.jsonl', import.meta.url), 'utf8');

test('tests of CPython have their outcomes, with what a skipped or failed one said', () => {
  const outcomes = parseLines(recorded);
  const states = [...outcomes].map(([name, { state }]) => `${name.split('.').pop()} ${state}`);
  assert.deepEqual(states, [
    'test_poll1 ok',
    'test_poll2 skipped',
    'test_fcntl_64_bit ok',
    'test_lockf_share failed',
  ]);
  assert.equal(
    outcomes.get('test.test_poll.PollTests.test_poll2')?.why,
    "resource 'walltime' is not enabled",
  );
  assert.match(
    outcomes.get('test.test_fcntl.TestFcntl.test_lockf_share')?.why ?? '',
    /^Traceback[\s\S]*AssertionError: 1 != 0/,
  );
});

test('a test of CPython that failed stays failed, whatever its later lines say', () => {
  const line = (state: string): string => `${JSON.stringify({ test: 'a', state, why: state })}\n`;
  for (const states of [
    ['failed', 'ok'],
    ['skipped', 'failed', 'skipped'],
  ])
    assert.equal(parseLines(states.map(line).join('')).get('a')?.state, 'failed');
});

test('lines that are not whole, or not those of the runner, are no outcomes', () => {
  const lines = ['{"test": "a", "state": "ok", "wh', '3', 'null', '[]', '{"test": "b", "state": "odd"}', ''];
  assert.equal(parseLines(lines.join('\n')).size, 0);
});

const TESTS = `
import unittest
class T(unittest.TestCase):
    def test_ok(self): pass
    def test_fails(self): self.fail("no")
    def test_error(self): 1 / 0
    @unittest.skip("later")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_expected(self): self.fail()
    @unittest.expectedFailure
    def test_unexpected(self): pass
    def test_part(self):
        with self.subTest(1): self.fail("part")
        with self.subTest(2): pass
    def tearDown(self):
        if self.id().endswith("test_ok"): print("{}")
`;

test('the runner tells each outcome once, beside what the tests print', (t) => {
  const runner = fileURLToPath(new URL('run-cpython.py', import.meta.url));
  const module = readableFile('tests_of_ours.py', TESTS);
  const folder = join(module, '..');
  const results = join(folder, 'results');
  const { status, stderr } = spawnSync('/usr/bin/python3', [runner, results, '', 'tests_of_ours'], {
    encoding: 'utf8',
    cwd: folder,
    env: { PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' },
  });
  if (stderr.includes("No module named 'test")) return t.skip('Python has no module test');
  assert.equal(status, 0, stderr);
  const states = [...parseLines(readFileSync(results, 'utf8'))].map(([name, { state }]) => [
    name.replace('tests_of_ours.T.test_', ''),
    state,
  ]);
  assert.deepEqual(Object.fromEntries(states), {
    ...{ ok: 'ok', fails: 'failed', error: 'failed', skipped: 'skipped' },
    ...{ expected: 'ok', unexpected: 'failed', part: 'failed' },
  });
});
