import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import { killByAlarm } from './kill-by-alarm.js';

/** Holds the event loop as a plugin's lock does. */
const sleep = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Keeps the event loop at work, as its own code or the kernel may. */
const work = (milliseconds: number): void => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

/** Does each of these under the guard of one plugin, until it is killed. */
async function stallBy(
  works: readonly (() => void)[],
): Promise<{ readonly actions: readonly string[]; readonly signal: unknown }> {
  const init = spawn('sleep', ['60']);
  const ended = once(init, 'exit');
  const actions: string[] = [];
  const stall = new StallBudget((action) => actions.push(action), { hold: () => {} });
  stall.begin(killByAlarm(init.pid ?? 0));
  const { guard } = await startGuards();
  for (const each of works) if (!actions.includes('killed')) guard.watch(stall, each);
  stall.begin(undefined);
  if (!actions.includes('killed')) init.kill('SIGTERM');
  const [, signal] = await ended;
  return { actions, signal };
}

const sleeps = (...durations: readonly number[]): (() => void)[] =>
  durations.map((duration) => () => sleep(duration));

test('a plugin that stalls the event loop for a second is ended', async () => {
  assert.deepEqual(await stallBy(sleeps(2500)), { actions: ['killed'], signal: 'SIGKILL' });
});

test('a plugin that was slow is ended once its budget is used up, and not before', async () => {
  assert.deepEqual(await stallBy(sleeps(60, 60, 60)), {
    actions: ['demoted', 'waited', 'waited'],
    signal: 'SIGTERM',
  });
  const { actions, signal } = await stallBy(sleeps(60, 100, 100, 100, 100));
  assert.equal(signal, 'SIGKILL');
  assert.ok(actions.includes('killed'), actions.join());
});

test('a plugin that was slow is ended for work that it makes the loop do, too', async () => {
  // On a busy machine most of it finds no processor, and does not count. It stops once the plugin is ended.
  const works = new Array<() => void>(1000).fill(() => work(40));
  const { actions, signal } = await stallBy([...sleeps(60), ...works]);
  assert.deepEqual([actions[0], actions[1], actions.at(-1)], ['demoted', 'waited', 'killed']);
  assert.equal(signal, 'SIGKILL');
});

test('time in which the loop itself works is no stall', async () => {
  assert.deepEqual(await stallBy([() => work(300)]), { actions: [], signal: 'SIGTERM' });
});
