import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { type TestContext, test } from 'node:test';
import {
  Heartbeat,
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

/** A broker's lines: it answers when the test says so. */
class Lines extends EventEmitter {
  receivedBytes = 0;
  #id = 0;

  nextId(): number {
    this.#id += 1;
    return this.#id;
  }

  send(): void {}

  answer(): void {
    this.emit('line', { type: 'pong', id: this.#id });
  }
}

/** Of no process: it never waits for a processor. */
const NO_PID = 2 ** 30;

/** Asks a broker whose answers the test gives. `pass`: time goes on, with all looks that are due. */
function asking(t: TestContext): {
  readonly lines: Lines;
  readonly heartbeat: Heartbeat;
  readonly verdicts: Verdict[];
  readonly stalled: string[];
  readonly pass: (milliseconds: number) => void;
} {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const [lines, verdicts, stalled] = [new Lines(), [] as Verdict[], [] as string[]];
  const heartbeat = new Heartbeat(
    NO_PID,
    lines,
    (verdict) => void verdicts.push(verdict),
    (plugin) => void stalled.push(plugin),
  );
  t.after(() => heartbeat.close());
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  return { lines, heartbeat, verdicts, stalled, pass };
}

// proves: a broker that works for a sandbox past its end is replaced soon
test('a broker that is silent for a second after it has asked for the end of a sandbox hangs', (t) => {
  const { heartbeat, verdicts: told, pass } = asking(t);
  heartbeat.askedToEnd('stalls');
  pass(HEARTBEAT_MS);
  assert.deepEqual(told, []);
  pass(STALLED_TIMEOUT_MS - HEARTBEAT_MS);
  assert.deepEqual(told, ['hung']);
  assert.equal(heartbeat.stalledBy, 'stalls');
});

// proves: a plugin that holds up the broker past its end, and then lets it go, is not started again
test('who holds up a broker for a second after its end is told when the broker answers, and who does not is not', (t) => {
  const { lines, heartbeat, stalled, pass } = asking(t);
  heartbeat.askedToEnd('quick');
  pass(HEARTBEAT_MS);
  lines.answer();
  heartbeat.askedToEnd('stalls');
  pass(STALLED_TIMEOUT_MS);
  lines.answer();
  lines.answer();
  assert.deepEqual(stalled, ['stalls']);
});
