import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedLock } from '../../../sandbox/supervisor/broker/broker-process.js';

/** Work that ends when it is told to. */
function held(
  log: string[],
  name: string,
): { readonly work: () => Promise<string>; readonly end: () => void } {
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const work = async (): Promise<string> => {
    log.push(`${name} begins`);
    await over;
    log.push(`${name} ends`);
    return name;
  };
  return { work, end: () => end() };
}

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('shared work runs at once; work that runs alone waits for it, and the later waits for that', async () => {
  const lock = new SharedLock();
  const log: string[] = [];
  const [a, b, alone, c] = ['a', 'b', 'alone', 'c'].map((name) => held(log, name)) as [
    ReturnType<typeof held>,
    ReturnType<typeof held>,
    ReturnType<typeof held>,
    ReturnType<typeof held>,
  ];
  const results = [lock.shared(a.work), lock.shared(b.work)];
  await soon();
  assert.deepEqual(log, ['a begins', 'b begins']);
  results.push(lock.alone(alone.work));
  await soon();
  results.push(lock.shared(c.work));
  a.end();
  await soon();
  assert.deepEqual(log.splice(0), ['a begins', 'b begins', 'a ends']);
  b.end();
  await soon();
  assert.deepEqual(log, ['b ends', 'alone begins']);
  alone.end();
  await soon();
  assert.deepEqual(log.slice(2), ['alone ends', 'c begins']);
  c.end();
  assert.deepEqual(await Promise.all(results), ['a', 'b', 'alone', 'c']);
});

test('work that fails holds up nobody, and its error is its caller’s', async () => {
  const lock = new SharedLock();
  const fails = async (): Promise<never> => {
    throw new Error('no');
  };
  await assert.rejects(lock.shared(fails), /no/);
  await assert.rejects(lock.alone(fails), /no/);
  assert.equal(await lock.shared(async () => 1), 1);
  assert.equal(await lock.alone(async () => 2), 2);
});
