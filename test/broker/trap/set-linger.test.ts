import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { test } from 'node:test';
import { chooseLinger } from '../../../broker/trap/rare-answers.js';

const { EINVAL, EPERM } = constants.errno;

function chosen(...fields: readonly number[]): readonly number[] | number {
  const result = chooseLinger(new Uint8Array(new Int32Array(fields).buffer));
  return typeof result === 'number' ? result : [...new Int32Array(result.buffer)];
}

test('chooseLinger() permits off, and on without a time', () => {
  assert.deepEqual(chosen(0, 0), [0, 0]);
  assert.deepEqual(chosen(0, 30), [0, 0], 'the kernel ignores the time of what is off');
  assert.deepEqual(chosen(1, 0), [1, 0]);
  assert.deepEqual(chosen(-1, 0), [1, 0]);
});

test('chooseLinger() refuses every time that a close could wait for', () => {
  for (const on of [1, 2, -1, -(2 ** 31)])
    for (const time of [1, -1, 2 ** 31 - 1, -(2 ** 31), 0x100])
      assert.equal(chosen(on, time), -EPERM, `${on} ${time}`);
});

test('chooseLinger() refuses fewer bytes than a struct linger', () => {
  for (const length of [0, 4, 7]) assert.equal(chooseLinger(new Uint8Array(length)), -EINVAL, `${length}`);
});
