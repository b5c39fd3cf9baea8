import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseGo } from './parse-go.js';

const recorded = readFileSync(new URL('recorded/go-outside.txt', import.meta.url), 'utf8');
const OK = { state: 'ok', why: '' };

test('tests and subtests of Go have their outcomes, with what a skipped one said', () => {
  assert.deepEqual(Object.fromEntries(parseGo(recorded, 'net.')), {
    'net.TestConnAndListener': OK,
    'net.TestConnAndListener/tcp': OK,
    'net.TestConnAndListener/unix': OK,
    'net.TestConnAndListener/unixpacket': OK,
    'net.TestProhibitionaryDialArg': {
      state: 'skipped',
      why: 'dial_test.go:32: skipping test: no external network in -short mode',
    },
  });
});

test('what a failed test of Go said is its own, though tests ran side by side', () => {
  const text = [
    ...['=== RUN   TestA', '=== PAUSE TestA', '=== RUN   TestB', '=== PAUSE TestB'],
    '=== CONT  TestA\n    a_test.go:1: of A',
    '=== NAME  TestB\n    b_test.go:2: of B\n--- PASS: TestA (0.00s)',
    ...['--- FAIL: TestB (0.10s)', '--- FAIL: TestA (0.00s)'],
  ];
  const outcomes = parseGo(text.map((line) => `\x16${line}\n`).join(''), '');
  assert.deepEqual(outcomes.get('TestA'), { state: 'failed', why: 'a_test.go:1: of A' });
  assert.match(outcomes.get('TestB')?.why ?? '', /^b_test\.go:2: of B/);
  assert.equal(outcomes.get('TestB')?.state, 'failed', 'the line without the mark is what TestB printed');
});

test('a test of Go that did not end has no outcome', () => {
  const outcomes = parseGo(
    '\x16=== RUN   TestA\n\x16--- PASS: TestA (0.00s)\n\x16=== RUN   TestB\npanic: x\n',
    '',
  );
  assert.deepEqual([...outcomes.keys()], ['TestA']);
});
