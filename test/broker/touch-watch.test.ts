import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { startTouching } from '../../broker/start-touching.js';
import { Touched } from '../../broker/touch-watch.js';
import { openPidfd } from '../../shared/sys/pidfd.js';

/** What a lock of a plugin's does to the event loop. */
const sleep = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

async function touchAll(durations: readonly number[]): Promise<{ actions: string[]; signal: unknown }> {
  const init = spawn('sleep', ['60']);
  const ended = once(init, 'exit');
  const actions: string[] = [];
  const touched = new Touched((action) => actions.push(action));
  touched.begin(openPidfd(init.pid ?? 0));
  const { touches: watch } = await startTouching();
  for (const duration of durations) watch.touch(touched, () => sleep(duration));
  touched.begin(undefined);
  if (!actions.includes('killed')) init.kill('SIGTERM');
  const [, signal] = await ended;
  return { actions, signal };
}

test('a plugin that holds the loop up for a second is ended', async () => {
  assert.deepEqual(await touchAll([2500]), { actions: ['killed'], signal: 'SIGKILL' });
});

test('a plugin that was slow is ended once its budget is used up, and not before', async () => {
  assert.deepEqual(await touchAll([60, 60, 60]), {
    actions: ['demoted', 'waited', 'waited'],
    signal: 'SIGTERM',
  });
  const { actions, signal } = await touchAll([60, 100, 100, 100, 100]);
  assert.equal(signal, 'SIGKILL');
  assert.ok(actions.includes('killed'), actions.join());
});

test('a plugin that was slow is ended for work that it makes the loop do, too', async () => {
  const init = spawn('sleep', ['60']);
  const ended = once(init, 'exit');
  const actions: string[] = [];
  const touched = new Touched((action) => actions.push(action));
  touched.begin(openPidfd(init.pid ?? 0));
  const { touches: watch } = await startTouching();
  watch.touch(touched, () => sleep(60));
  // On a busy machine some of them find no processor, and do not count.
  for (let left = 100; left > 0 && !actions.includes('killed'); left -= 1) {
    watch.touch(touched, () => {
      for (const end = performance.now() + 40; performance.now() < end; );
    });
  }
  assert.deepEqual([actions[0], actions[1], actions.at(-1)], ['demoted', 'waited', 'killed']);
  assert.equal((await ended)[1], 'SIGKILL');
  touched.begin(undefined);
});

test('time that the loop works through is not slow', async () => {
  const init = spawn('sleep', ['60']);
  const actions: string[] = [];
  const touched = new Touched((action) => actions.push(action));
  touched.begin(openPidfd(init.pid ?? 0));
  const { touches: watch } = await startTouching();
  watch.touch(touched, () => {
    for (const end = performance.now() + 300; performance.now() < end; );
  });
  touched.begin(undefined);
  init.kill();
  assert.deepEqual(actions, []);
});
