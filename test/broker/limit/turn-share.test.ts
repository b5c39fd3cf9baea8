import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TurnShare } from '../../../broker/limit/turn-share.js';
import { REQUESTS_PER_TURN, TURN_MS } from '../../../shared/limits.js';

/** A clock. Otherwise the time of a turn may end it on a busy machine. */
const stopped = (): number => 0;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes as much as it may. */
function takeAll(share: TurnShare, taker: object, most: number = Number.POSITIVE_INFINITY): number {
  let taken = 0;
  while (taken < most && !share.isOverFor(taker)) {
    share.take();
    taken += 1;
  }
  return taken;
}

test('a share is used up after so many requests, and renewed with the next turn', async () => {
  const share = new TurnShare(stopped);
  assert.equal(takeAll(share, share), REQUESTS_PER_TURN);
  assert.equal(takeAll(share, share), 0);
  await turn();
  assert.equal(takeAll(share, share), REQUESTS_PER_TURN);
});

test('a share is used up after so much time since its first request', async () => {
  let now = 1000;
  const share = new TurnShare(() => now);
  now += 10 * TURN_MS;
  assert.equal(takeAll(share, share, 1), 1);
  now += TURN_MS;
  assert.equal(takeAll(share, share, 1), 1);
  now += 1;
  assert.equal(takeAll(share, share), 0);
  await turn();
  assert.equal(takeAll(share, share), REQUESTS_PER_TURN);
});

test('a share is whole in each turn, whatever was taken before, and by which taker', async () => {
  let now = 1000;
  const share = new TurnShare(() => now);
  const [one, other] = [{}, {}];
  for (let turns = 0; turns < 100; turns += 1, now += 2 * TURN_MS) {
    assert.equal(takeAll(share, turns % 2 === 0 ? one : other, 1), 1);
    await turn();
  }
  assert.equal(takeAll(share, other), REQUESTS_PER_TURN);
});

test('two takers have one share in a turn, however often the event loop calls each', async () => {
  const share = new TurnShare(stopped);
  const [one, other] = [{}, {}];
  let taken = 0;
  for (let polls = 0; polls < 48; polls += 1) taken += takeAll(share, one, 1) + takeAll(share, other, 1);
  assert.equal(taken, REQUESTS_PER_TURN);
  await turn();
  assert.equal(takeAll(share, other, 1), 1);
  assert.equal(takeAll(share, one), REQUESTS_PER_TURN - 1);
});

// proves: a plugin with many calls keeps its own look-ups and channels
test('who has had no chance in a turn comes first in the next one, however the event loop calls them', async () => {
  const share = new TurnShare(stopped);
  const [greedy, modest] = [{}, {}];
  const counts = { greedy: 0, modest: 0 };
  for (let turns = 0; turns < 20; turns += 1) {
    counts.greedy += takeAll(share, greedy);
    counts.modest += takeAll(share, modest, 1);
    await turn();
  }
  assert.ok(counts.modest >= 9, `${counts.modest} of 20 turns`);
  assert.ok(counts.greedy >= 9 * REQUESTS_PER_TURN);
});

test('who comes first and wants nothing costs the others one turn', async () => {
  const share = new TurnShare(stopped);
  const [greedy, modest] = [{}, {}];
  takeAll(share, greedy);
  assert.ok(share.isOverFor(modest));
  await turn();
  assert.equal(takeAll(share, greedy), 0);
  await turn();
  assert.equal(takeAll(share, greedy), REQUESTS_PER_TURN);
});

test('a share that is stopped gives nothing more, also to who waits', async () => {
  const share = new TurnShare(stopped);
  takeAll(share, share);
  let given = false;
  void share.await().then(() => {
    given = true;
  });
  share.stop();
  await turn();
  await turn();
  assert.ok(share.isOverFor(share));
  assert.ok(!given);
});
