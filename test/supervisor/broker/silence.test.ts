import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  judgeSilence,
  laterSilence,
  newSilence,
  type Verdict,
} from '../../../sandbox/supervisor/broker/heartbeat.js';
import { HEARTBEAT_MS, STALLED_TIMEOUT_MS } from '../../../shared/limits.js';

/** @param looks the clock, the time that the broker has waited for a processor, and whether something else came */
function verdicts(
  looks: readonly (readonly [now: number, waited: number, heard?: boolean])[],
): readonly Verdict[] {
  let silence = newSilence(0, 0);
  return looks.map(([now, waited, heard = false]) => {
    silence = laterSilence(silence, now, waited, heard);
    return judgeSilence(silence);
  });
}

test('a broker that says nothing is late after 1.5 s and hangs after 3 s', () => {
  const looks = [1, 2, 3, 4, 5, 6].map((at) => [at * HEARTBEAT_MS, 0] as const);
  assert.deepEqual(verdicts(looks), ['answers', 'answers', 'late', 'late', 'late', 'hung']);
});

test('time in which the broker waits for a processor is not its own, up to 20 s', () => {
  const looks = Array.from(
    { length: 45 },
    (_, at) => [(at + 1) * HEARTBEAT_MS, (at + 1) * 0.95 * HEARTBEAT_MS] as const,
  );
  const found = verdicts(looks);
  assert.equal(found.indexOf('late'), -1);
  assert.equal(found.indexOf('hung'), 20_000 / HEARTBEAT_MS - 1);
});

// proves: a broker whose answer waits behind audit lines is not replaced
test('while audit lines come, the answer may be behind them, up to 20 s', () => {
  const looks = Array.from({ length: 45 }, (_, at) => [(at + 1) * HEARTBEAT_MS, 0, true] as const);
  const found = verdicts(looks);
  assert.equal(found.indexOf('late'), -1);
  assert.equal(found.indexOf('hung'), 20_000 / HEARTBEAT_MS - 1);
  // What a broker wrote before it hung is read in one interval.
  const hung = [1, 2, 3, 4, 5, 6, 7].map((at) => [at * HEARTBEAT_MS, 0, at === 1] as const);
  assert.equal(verdicts(hung).at(-1), 'hung');
});

test('time in which the supervisor itself does not run, or a clock that goes back, ends no broker', () => {
  assert.deepEqual(
    verdicts([
      [60_000, 0],
      [60_000 - 5_000, 0],
      [60_000 - 4_900, 0],
    ]),
    ['answers', 'answers', 'answers'],
  );
});

test('after it has asked for the end of a sandbox, a silent broker has a second', () => {
  let silence = newSilence(0, 0);
  silence = laterSilence(silence, STALLED_TIMEOUT_MS - 1, 0, false);
  assert.equal(judgeSilence(silence, STALLED_TIMEOUT_MS), 'answers');
  silence = laterSilence(silence, STALLED_TIMEOUT_MS, 0, false);
  assert.equal(judgeSilence(silence, STALLED_TIMEOUT_MS), 'hung');
  assert.equal(judgeSilence(silence), 'answers');
});
