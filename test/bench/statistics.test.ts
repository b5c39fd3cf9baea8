import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, pairedRatios, quantile, spread } from './statistics.js';

test('a quantile between two values lies between them in proportion', () => {
  assert.equal(quantile([40, 10, 30, 20], 0), 10);
  assert.equal(quantile([40, 10, 30, 20], 1), 40);
  assert.equal(quantile([40, 10, 30, 20], 0.5), 25);
  assert.equal(quantile([10, 20], 0.25), 12.5);
  assert.equal(quantile([7], 0.99), 7);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('a quantile sorts by number and leaves its argument as it was', () => {
  const values = [9, 10, 100];
  assert.equal(median([100, 9, 10]), 10);
  quantile(values, 0.5);
  assert.deepEqual(values, [9, 10, 100]);
});

test('the spread is the reach of the middle 80 % as a share of the median', () => {
  assert.equal(spread([5, 5, 5]), 0);
  assert.ok(Number.isNaN(spread([5])));
  const tenths = Array.from({ length: 11 }, (_, index) => 10 + index);
  assert.equal(spread(tenths), 8 / 15);
  assert.equal(spread(tenths.map((value) => -value)), 8 / 15);
});

test('one value far out moves neither the median nor the spread of many rounds', () => {
  const values = [...Array.from({ length: 20 }, () => 10), 10_000];
  assert.equal(median(values), 10);
  assert.equal(spread(values), 0);
});

test('ratios of the same round do not see what slows the whole round', () => {
  assert.deepEqual(pairedRatios([20, 200, 2_000], [10, 100, 1_000]), [2, 2, 2]);
});

test('rounds that do not pair are an error', () => {
  assert.throws(() => pairedRatios([1, 2], [1]), /2 rounds cannot be compared with 1/);
});
