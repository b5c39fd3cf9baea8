import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteQueue } from '../../../sandbox/supervisor/output/output.js';

function queueOf(...texts: readonly string[]): ByteQueue {
  const queue = new ByteQueue();
  for (const text of texts) queue.add(Buffer.from(text));
  return queue;
}

test('what was taken does not wait any more, across the bytes of several additions', () => {
  const queue = queueOf('one\n', 'two\n', 'three');
  assert.deepEqual([queue.length, queue.lines], [13, 2]);
  queue.took(6);
  assert.equal(`${queue.first}`, 'o\n');
  assert.deepEqual([queue.length, queue.lines], [7, 1]);
  assert.equal(`${queue.join()}`, 'o\nthree');
  queue.took(7);
  assert.deepEqual([queue.length, queue.first], [0, undefined]);
});

test('elsewhere, a line of which a part was written is whole', () => {
  const queue = queueOf('one\ntwo\n');
  for (let taken = 0; taken < 6; taken += 1) queue.took(1);
  queue.startLineAnew();
  assert.equal(`${queue.join()}`, 'two\n');
  assert.equal(queue.length, 4);
  queue.startLineAnew();
  assert.equal(queue.length, 4);
});

test('a part of a line whose rest does not wait yet is not written again', () => {
  const queue = queueOf('begun');
  queue.took(5);
  queue.startLineAnew();
  assert.equal(queue.length, 0);
});

test('nothing to write does not wait', () => {
  assert.equal(queueOf('').first, undefined);
  assert.equal(`${queueOf('', 'one', '').join()}`, 'one');
});
