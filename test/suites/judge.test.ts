import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { User } from '../harness/users.js';
import { figuresOf } from './figures.js';
import { judge } from './judge.js';
import type { PartResult } from './run-part.js';
import type { Suite } from './suite.js';

const part = (compared: readonly string[], differ: Partial<Record<User, readonly string[]>>): PartResult => ({
  ...{ suite: 'go', part: 'net', compared },
  inside: (['root', 'user'] as const).map((startedBy) => ({
    ...{ startedBy, seconds: 1 },
    differences: (differ[startedBy] ?? []).map((name) => ({ test: name, inside: undefined })),
  })),
});
const both = { root: ['a'], user: ['a'] };

test('a difference that the page lists passes, and one that it does not list fails', () => {
  const results = [part(['a', 'b'], both)];
  assert.deepEqual(judge(results, [{ suite: 'go', test: 'a' }]), { unlisted: [], stale: [], empty: [] });
  const { unlisted } = judge(results, [{ suite: 'other', test: 'a' }]);
  assert.deepEqual(
    unlisted.map((one) => [one.test, one.startedBy]),
    [
      ['a', 'root'],
      ['a', 'user'],
    ],
  );
});

test('a listed difference that is gone fails, in the sandbox where it is gone', () => {
  const listed = { suite: 'go', test: 'a' };
  const { stale, unlisted } = judge([part(['a', 'b'], { root: ['a'] })], [listed]);
  assert.deepEqual(stale, [{ ...listed, startedBy: 'user' }]);
  assert.deepEqual(unlisted, []);
});

test('a listed difference of one sandbox counts for that one alone', () => {
  const listed = [{ suite: 'go', test: 'a', startedBy: 'root' }] as const;
  assert.deepEqual(judge([part(['a'], { root: ['a'] })], listed), { unlisted: [], stale: [], empty: [] });
  assert.equal(judge([part(['a'], both)], listed).unlisted.length, 1);
  assert.equal(judge([part(['a'], { user: ['a'] })], listed).stale.length, 1);
});

test('a listed difference that was not compared is neither true nor false', () => {
  const listed = [{ suite: 'go', test: 'elsewhere' }];
  assert.deepEqual(judge([part(['a'], {})], listed), { unlisted: [], stale: [], empty: [] });
});

test('a star stands for any characters, and every compared test that it covers must differ', () => {
  const listed = [{ suite: 'go', test: 'x.*A' }];
  const clean = { unlisted: [], stale: [], empty: [] };
  assert.deepEqual(
    judge([part(['x.oneA', 'x.two', 'xyA'], { root: ['x.oneA'], user: ['x.oneA'] })], listed),
    clean,
  );
  const { unlisted, stale } = judge(
    [part(['x.oneA', 'x.A', 'xyA'], { root: ['x.A', 'xyA'], user: [] })],
    listed,
  );
  assert.deepEqual(
    unlisted.map((one) => one.test),
    ['xyA'],
  );
  assert.deepEqual(
    stale.map((one) => `${one.test} ${one.startedBy}`),
    ['x.oneA root', 'x.oneA user', 'x.A user'],
  );
});

test('a listed test that differs in its subtest alone is true', () => {
  const listed = [{ suite: 'go', test: 'A*' }];
  const differ = { root: ['A/b'], user: ['A/b'] };
  assert.deepEqual(judge([part(['A', 'A/b'], differ)], listed), { unlisted: [], stale: [], empty: [] });
});

test('a part in which no test passes outside fails', () => {
  assert.deepEqual(judge([part([], {})], []).empty, ['go net']);
});

test('a test that differs in two sandboxes is one that differs', () => {
  const suite = { name: 'go', title: 'Go', parts: [{ name: 'net' }, { name: 'os' }] } as unknown as Suite;
  const { compared, same, differ, parts, ofParts } = figuresOf(suite, '1', [part(['a', 'b', 'c'], both)]);
  assert.deepEqual(
    { compared, same, differ, parts, ofParts },
    { compared: 3, same: 2, differ: 1, parts: 1, ofParts: 2 },
  );
});
