import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Aim, Contestant, Measure, Sample } from './measure.js';
import { PEERS } from './measure.js';
import { type FigureResult, summarize } from './summarize.js';

const contestant = (name: string, role: Contestant['role'], checkout?: string): Contestant => ({
  ...{ name, role, round: async () => ({}) },
  ...(checkout !== undefined && { checkout }),
});
const DIRECT = contestant('direct', 'direct');

function figure(
  better: 'less' | 'more',
  aims: readonly Aim[],
  all: readonly (readonly [Contestant, readonly number[]])[],
): FigureResult {
  const measure: Measure = {
    ...{ name: 'test', title: 'a test', rounds: { full: 3, quick: 1 } },
    figures: [{ key: 'us', title: 'time', unit: 'µs', better, baseline: 'direct', aims }],
    open: () => Promise.reject(new Error('not opened')),
  };
  const samples = new Map<Contestant, Sample[]>(
    all.map(([one, values]) => [one, values.map((us) => ({ us }))]),
  );
  const [found] = summarize(measure, samples, []).figures;
  assert.ok(found);
  return found;
}

test('a ratio is the median of the ratios of each round, not the ratio of the medians', () => {
  const { rows } = figure(
    'less',
    [],
    [
      [DIRECT, [10, 20, 30]],
      [contestant('trap', 'postern'), [90, 40, 60]],
    ],
  );
  assert.deepEqual(
    rows.map(({ median, ratio }) => [median, ratio]),
    [
      [20, undefined],
      [60, 2],
    ],
  );
});

test('an aim is met at its bound, and missed beyond it', () => {
  const trap = contestant('trap', 'postern');
  const aims: Aim[] = [
    { of: 'trap', over: 'direct', atMost: 2 },
    { of: 'trap', over: 'direct', atMost: 1.9 },
    { of: 'trap', atLeast: 20 },
    { of: 'trap', atLeast: 21 },
  ];
  const found = figure('less', aims, [
    [DIRECT, [10]],
    [trap, [20]],
  ]);
  assert.deepEqual(
    found.aims.map(({ met, measured }) => [met, measured]),
    [
      [true, 2],
      [false, 2],
      [true, 20],
      [false, 20],
    ],
  );
});

test('ahead of every peer means ahead of the best one', () => {
  const peers = [contestant('slow', 'peer'), contestant('fast', 'peer')] as const;
  const trap = contestant('trap', 'postern');
  const less = figure(
    'less',
    [{ of: 'trap', over: PEERS, atMost: 1 }],
    [
      [DIRECT, [1]],
      [trap, [50]],
      [peers[0], [100]],
      [peers[1], [40]],
    ],
  );
  assert.deepEqual(less.aims, [
    { text: 'trap: at most 1 times the best peer', measured: 1.25, peer: 'fast', met: false },
  ]);
  const more = figure(
    'more',
    [{ of: 'trap', over: PEERS, atLeast: 1 }],
    [
      [DIRECT, [1]],
      [trap, [50]],
      [peers[0], [10]],
      [peers[1], [40]],
    ],
  );
  assert.deepEqual(more.aims, [
    { text: 'trap: at least 1 times the best peer', measured: 1.25, peer: 'fast', met: true },
  ]);
});

test('an aim that needs a peer is neither met nor missed without one', () => {
  const { aims } = figure(
    'less',
    [{ of: 'trap', over: PEERS, atMost: 1 }],
    [
      [DIRECT, [1]],
      [contestant('trap', 'postern'), [50]],
    ],
  );
  assert.deepEqual(aims, [{ text: 'trap: at most 1 times the best peer' }]);
});

test('a later checkout is compared with the first, and has its own verdict', () => {
  const { rows, aims } = figure(
    'less',
    [{ of: 'trap', over: 'direct', atMost: 3 }],
    [
      [DIRECT, [10, 10]],
      [contestant('trap', 'postern', 'before'), [40, 40]],
      [contestant('trap', 'postern', 'after'), [20, 20]],
    ],
  );
  assert.deepEqual(
    rows.map(({ checkout, change }) => [checkout, change]),
    [
      [undefined, undefined],
      ['before', undefined],
      ['after', 0.5],
    ],
  );
  assert.deepEqual(
    aims.map(({ checkout, met }) => [checkout, met]),
    [
      ['before', false],
      ['after', true],
    ],
  );
});
