import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GatheredLog } from '../../../broker/record/gathered-log.js';
import { LOG_WINDOW_MS, LOGGED_NAMES } from '../../../shared/limits.js';
import { TokenBucket } from '../../../shared/token-bucket.js';

function logged(): { log: GatheredLog<string>; lines: string[] } {
  const lines: string[] = [];
  const log = new GatheredLog<string>(
    (event, questions) => lines.push(`${event} ${questions}`),
    (questions) => lines.push(`rest ${questions}`),
  );
  return { log, lines };
}

test('a refusal is a line at once, its repetitions are one when the window ends', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, lines } = logged();
  for (let times = 0; times < 100; times += 1) log.note('a', () => 'a');
  log.note('b', () => 'b');
  assert.deepEqual(lines, ['a 1', 'b 1']);
  t.mock.timers.tick(LOG_WINDOW_MS);
  assert.deepEqual(lines, ['a 1', 'b 1', 'a 99']);
  log.note('a', () => 'a');
  assert.deepEqual(lines.at(-1), 'a 1');
});

test('past LOGGED_NAMES in a window all other names are one line', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { log, lines } = logged();
  for (let name = 0; name < 10_000; name += 1) log.note(`n${name}`, () => `n${name}`);
  assert.equal(lines.length, LOGGED_NAMES);
  t.mock.timers.tick(LOG_WINDOW_MS);
  assert.deepEqual(lines.slice(LOGGED_NAMES), [`rest ${10_000 - LOGGED_NAMES}`]);
});

test('flush() writes the gathered lines once', () => {
  const { log, lines } = logged();
  for (let times = 0; times < 3; times += 1) log.note('a', () => 'a');
  log.flush();
  log.flush();
  assert.deepEqual(lines, ['a 1', 'a 2']);
});

test('a bucket lets a burst pass, then its rate, however long it was idle', () => {
  let now = 0;
  const rate = new TokenBucket(200, 400, () => now);
  const takeAll = (): number => {
    let taken = 0;
    while (rate.take()) taken += 1;
    return taken;
  };
  assert.equal(takeAll(), 400);
  now += 1000;
  assert.equal(takeAll(), 200);
  now += 1_000_000;
  assert.equal(takeAll(), 400);
});
