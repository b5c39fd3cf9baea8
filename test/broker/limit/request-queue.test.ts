import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLife } from '../../../broker/limit/request-life.js';
import { type Gate, RequestQueue } from '../../../broker/limit/request-queue.js';
import { TurnShare } from '../../../broker/limit/turn-share.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';
import type { NowOrLater } from '../../../shared/now-or-later.js';

const SECOND_MS = 1000;
const OPEN_GATE: Gate = { isOpen: true, whenOpen: (callback) => callback(), pass: async () => {} };
const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param work what a request does once it has begun @returns when each one began, in milliseconds */
async function begins(
  queue: RequestQueue,
  count: number,
  work: (begun: () => void) => NowOrLater<void> = async (begun) => begun(),
): Promise<readonly number[]> {
  const begun = Array.from(
    { length: count },
    () =>
      new Promise<number>((resolve) => {
        const life = new RequestLife(60_000);
        const refusal = queue.add(life, () =>
          work(() => {
            life.settle();
            resolve(performance.now());
          }),
        );
        assert.equal(refusal, undefined);
      }),
  );
  return (await Promise.all(begun)).sort((a, b) => a - b);
}

// proves: queue: a second is not cut short
test('each second gives its share of requests and no more, however many wait', async () => {
  const queue = new RequestQueue({ ...limitsOf({}), requestsPerSecond: 5 }, new TurnShare(), OPEN_GATE);
  const from = performance.now();
  passShares(from, await begins(queue, 18));
});

// proves: queue: nothing passes beside it past the rate
test('requests that need not wait have no larger share of a second', async () => {
  const queue = new RequestQueue({ ...limitsOf({}), requestsPerSecond: 5 }, new TurnShare(), OPEN_GATE);
  const from = performance.now();
  passShares(from, await begins(queue, 18, (begun) => begun()));
});

test('requests that wait after all take their places', async () => {
  const queue = new RequestQueue(
    { ...limitsOf({}), concurrentRequests: 2, queuedRequests: 1 },
    new TurnShare(),
    OPEN_GATE,
  );
  const ends: (() => void)[] = [];
  const lives: RequestLife[] = [];
  const add = (): string | undefined => {
    const life = new RequestLife(60_000);
    lives.push(life);
    return queue.add(life, () => new Promise<void>((resolve) => ends.push(resolve)))?.reason;
  };
  assert.deepEqual([add(), add(), add(), add()], [undefined, undefined, undefined, 'concurrency_limited']);
  assert.deepEqual([queue.inFlight, queue.queued, ends.length], [2, 1, 2]);
  for (const end of ends.splice(0)) end();
  await pause(0);
  assert.deepEqual([queue.inFlight, queue.queued, ends.length], [1, 0, 1]);
  for (const life of lives) life.settle();
});

/** @param from a time before the first second began. When the test sees a request begin says only that it has begun by then */
function passShares(from: number, times: readonly number[]): void {
  // A whole second passes between each request and the one that comes as many later as a second may have.
  for (const [index, time] of times.entries()) {
    const window = Math.floor(index / 5);
    assert.ok(time - from >= window * SECOND_MS, `${from}: ${times}`);
  }
}

for (const days of [1, -1])
  test(`a wall clock that jumps by ${days} day lets nothing wait`, async (t) => {
    const queue = new RequestQueue({ ...limitsOf({}), requestsPerSecond: 2 }, new TurnShare(), OPEN_GATE);
    await begins(queue, 2);
    const { now } = Date;
    t.after(() => {
      Date.now = now;
    });
    Date.now = () => now() + days * 86_400_000;
    await pause(1.2 * SECOND_MS);
    const [from, [first = 0]] = [performance.now(), await begins(queue, 1)];
    assert.ok(first - from < 5 * SECOND_MS, `waited ${first - from} ms`);
    await begins(queue, 3);
    assert.ok(performance.now() - from < 10 * SECOND_MS);
  });
