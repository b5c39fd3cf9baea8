import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StartQueue } from '../../sandbox/supervisor/start-queue.js';
import { STARTS_AT_ONCE } from '../../shared/limits.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Starts {
  readonly queue: StartQueue;
  readonly begun: string[];
  readonly add: (name: string) => Promise<string>;
  readonly finish: (name: string) => void;
}

function starts(): Starts {
  const queue = new StartQueue();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string): Promise<string> =>
    queue.add(name, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, () => resolve(name)));
    });
  return { queue, begun, add, finish: (name) => ends.get(name)?.() };
}

const names = Array.from({ length: STARTS_AT_ONCE + 3 }, (_, index) => `p${index}`);
const [first = ''] = names;
const [next = '', later = '', last = ''] = names.slice(STARTS_AT_ONCE);

test('a few plugins start at the same time, the others in their order', async () => {
  const { begun, add, finish } = starts();
  const results = names.map(add);
  await turn();
  assert.deepEqual(begun, names.slice(0, STARTS_AT_ONCE));
  finish(first);
  assert.equal(await results[0], first);
  await turn();
  assert.deepEqual(begun, names.slice(0, STARTS_AT_ONCE + 1));
});

test('a plugin that is stopped while it waits is not started, and those behind it are', async () => {
  const { queue, begun, add, finish } = starts();
  const results = names.map(add);
  await turn();
  queue.cancel(next);
  await assert.rejects(results[STARTS_AT_ONCE] ?? Promise.resolve(), { code: 'launch_failed' });
  assert.equal(begun.length, STARTS_AT_ONCE, 'it did not wait for its turn');
  finish(first);
  await turn();
  assert.equal(begun.at(-1), later);
  queue.cancelAll();
  await assert.rejects(results.at(-1) ?? Promise.resolve(), { code: 'launch_failed' });
  assert.ok(!begun.includes(last));
});

test('a cancel leaves a start under way alone', async () => {
  const { queue, add, finish } = starts();
  const result = add(first);
  await turn();
  queue.cancel(first);
  finish(first);
  assert.equal(await result, first);
});

test('a start that has to wait for something takes no turn meanwhile, and can be canceled', async () => {
  const { queue, begun } = starts();
  let release = (): void => {};
  const ready = new Promise<void>((resolve) => {
    release = resolve;
  });
  const begin = async (): Promise<void> => {
    begun.push('waited');
  };
  const canceled = queue.add('canceled', begin, ready);
  queue.cancel('canceled');
  await assert.rejects(canceled, { code: 'launch_failed' });
  const waits = queue.add('waits', begin, ready);
  await turn();
  assert.deepEqual(begun, []);
  release();
  await waits;
  assert.deepEqual(begun, ['waited']);
});
