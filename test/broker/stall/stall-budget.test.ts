import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import {
  STALL_ALLOWANCE_MS,
  STALL_ALLOWANCE_SHARE,
  STALL_BUDGET_MS,
  STALL_FORGIVEN_MS,
  STALL_LIMIT_MS,
  STALL_SLOW_MS,
} from '../../../shared/limits.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';

interface Clocked {
  readonly budget: StallBudget;
  readonly actions: readonly string[];
  readonly pass: (milliseconds: number) => void;
}

function clocked(hasNeighbours = (): boolean => true): Clocked {
  let now = 5000;
  const actions: string[] = [];
  const budget = new StallBudget(
    (action) => actions.push(action),
    { hold: () => {} },
    { now: () => now, hasNeighbours },
  );
  const pass = (milliseconds: number): void => {
    now += milliseconds;
  };
  return { budget, actions, pass };
}

test('a slow plugin that causes no stall for a minute is served as before', () => {
  const { budget, actions, pass } = clocked();
  assert.equal(budget.slow, false);
  budget.wasSlow(false, 50, 50);
  pass(STALL_FORGIVEN_MS - 1);
  assert.equal(budget.slow, true);
  pass(1);
  assert.equal(budget.slow, false);
  budget.wasSlow(false, 50, 50);
  assert.equal(budget.slow, true);
  assert.deepEqual(actions, ['demoted', 'demoted']);
});

test('each stall of a slow plugin begins the minute anew, also one on the slow lane', () => {
  const { budget, actions, pass } = clocked();
  budget.wasSlow(false, 50, 50);
  pass(STALL_FORGIVEN_MS - 1);
  budget.wasSlow(false, 50, 50);
  pass(STALL_FORGIVEN_MS - 1);
  budget.wasSlowApart(false, 50);
  pass(STALL_FORGIVEN_MS - 1);
  assert.equal(budget.slow, true);
  pass(1);
  assert.equal(budget.slow, false);
  assert.deepEqual(actions, ['demoted', 'waited', 'waited']);
});

// proves: trap: a plugin that was forgiven has no second of its own again
test('a plugin that was forgiven has its budget for the next stall, and not a whole second again', () => {
  const { budget, pass } = clocked();
  assert.equal(budget.limitMs, STALL_LIMIT_MS);
  budget.wasSlow(false, 900, 900);
  assert.equal(budget.limitMs, STALL_BUDGET_MS);
  pass(STALL_FORGIVEN_MS);
  assert.equal(budget.limitMs, STALL_BUDGET_MS);
  budget.wasSlow(false, 200, 200);
  assert.equal(budget.limitMs, STALL_BUDGET_MS - 200);
  budget.wasSlow(false, 200, 200);
  assert.equal(budget.limitMs, STALL_SLOW_MS);
  budget.begin(undefined);
  assert.equal(budget.limitMs, STALL_LIMIT_MS, 'a new sandbox begins anew');
});

test('a stall costs the time that the plugin is to blame for', () => {
  const { budget } = clocked();
  budget.wasSlow(false, 50, 50);
  budget.wasSlow(false, 1000, 100);
  assert.equal(budget.limitMs, STALL_BUDGET_MS - 100);
});

test('excused waiting uses up an allowance, which is given back slowly', () => {
  const { budget, pass } = clocked();
  assert.equal(budget.allowanceMs, STALL_ALLOWANCE_MS);
  budget.excuse(500);
  assert.equal(budget.allowanceMs, STALL_ALLOWANCE_MS - 500);
  budget.excuse(1e6);
  assert.equal(budget.allowanceMs, 0);
  pass(10_000);
  assert.equal(budget.allowanceMs, 10_000 * STALL_ALLOWANCE_SHARE);
  pass(1e9);
  assert.equal(budget.allowanceMs, STALL_ALLOWANCE_MS);
  assert.equal(budget.slow, false);
});

test('a plugin without neighbours has no alarm, and has one as soon as there is another plugin', () => {
  let neighbours = false;
  const { budget } = clocked(() => neighbours);
  const alarm = new OwnedFd(2 ** 30);
  budget.begin(alarm);
  assert.equal(budget.alarm, undefined);
  neighbours = true;
  assert.equal(budget.alarm, alarm);
});
