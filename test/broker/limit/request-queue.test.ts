import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLife } from '../../../broker/limit/request-life.js';
import { RequestQueue } from '../../../broker/limit/request-queue.js';
import { TurnShare } from '../../../broker/limit/turn-share.js';
import { limitsOf } from '../../../shared/config/limit-forms.js';

const SECOND_MS = 1000;
const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @returns when each piece of work began, in milliseconds */
async function begins(queue: RequestQueue, count: number): Promise<readonly number[]> {
  const work = Array.from(
    { length: count },
    () =>
      new Promise<number>((resolve) => {
        const refusal = queue.add(new RequestLife(60_000), async () => resolve(performance.now()));
        assert.equal(refusal, undefined);
      }),
  );
  return (await Promise.all(work)).sort((a, b) => a - b);
}

test('each second gives its share of requests and no more, however many wait', async () => {
  const queue = new RequestQueue({ ...limitsOf({}), requestsPerSecond: 5 }, new TurnShare());
  const times = await begins(queue, 18);
  // A second passes between each request and the one that comes as many later as a second may have.
  for (const [index, time] of times.slice(5).entries()) {
    const window = Math.floor((index + 5) / 5);
    assert.ok(time - (times[0] ?? 0) >= window * SECOND_MS - 1, `${times}`);
  }
});

for (const days of [1, -1])
  test(`a wall clock that jumps by ${days} day lets nothing wait`, async (t) => {
    const queue = new RequestQueue({ ...limitsOf({}), requestsPerSecond: 2 }, new TurnShare());
    await begins(queue, 2);
    const { now } = Date;
    t.after(() => {
      Date.now = now;
    });
    Date.now = () => now() + days * 86_400_000;
    await pause(1.2 * SECOND_MS);
    const [from, [first = 0]] = [performance.now(), await begins(queue, 1)];
    assert.ok(first - from < SECOND_MS, `waited ${first - from} ms`);
    await begins(queue, 3);
    assert.ok(performance.now() - from < 5 * SECOND_MS);
  });
