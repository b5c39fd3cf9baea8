import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, passedInAll } from './compare.js';
import type { Outcome, Outcomes } from './suite.js';

const outcomes = (states: Readonly<Record<string, Outcome['state']>>): Outcomes =>
  new Map(Object.entries(states).map(([name, state]) => [name, { state, why: '' }]));

test('only tests that passed outside each time are compared', () => {
  const first = outcomes({ a: 'ok', flaky: 'ok', once: 'ok', fails: 'failed', skipped: 'skipped' });
  const second = outcomes({ a: 'ok', flaky: 'failed', fails: 'failed', skipped: 'skipped', late: 'ok' });
  assert.deepEqual(passedInAll([first, second]), ['a']);
});

test('a test that failed inside, was skipped or did not run is a difference', () => {
  const inside = outcomes({ ok: 'ok', failed: 'failed', skipped: 'skipped', other: 'failed' });
  const found = differences(['ok', 'failed', 'skipped', 'missing'], inside);
  assert.deepEqual(
    found.map((difference) => [difference.test, difference.inside?.state]),
    [
      ['failed', 'failed'],
      ['skipped', 'skipped'],
      ['missing', undefined],
    ],
  );
});

test('a test that differs in its subtest alone is told by the subtest', () => {
  const inside = outcomes({ A: 'failed', 'A/b': 'failed', 'A/c': 'ok', AB: 'failed' });
  const found = differences(['A', 'A/b', 'A/c', 'AB'], inside);
  assert.deepEqual(
    found.map((difference) => difference.test),
    ['A/b', 'AB'],
  );
});
