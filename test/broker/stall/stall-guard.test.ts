import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { test } from 'node:test';
import { stallFields } from '../../../broker/stall/judge-stall.js';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { StallGuard } from '../../../broker/stall/stall-guard.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import { bind } from '../../../shared/sys/libc.js';
import { PATIENCE } from '../../harness/patience.js';
import { killByAlarm } from './kill-by-alarm.js';

/**
 * A step in which the thread mostly found no processor is no stall. So on a machine with more work than processors, these tests take what they need,
 * where they may: by nice(1), and among the groups of autogroup, sched(7).
 */
for (const raise of [
  () => setPriority(constants.priority.PRIORITY_HIGHEST),
  () => writeFileSync('/proc/self/autogroup', String(constants.priority.PRIORITY_HIGHEST)),
])
  try {
    raise();
  } catch {
    // An ordinary user may not. Such a machine ends the file by its limit.
  }

const usleep = bind('int usleep(unsigned int microseconds)');

/** Holds the event loop as a plugin's lock does: it waits in the kernel. */
const sleep = (milliseconds: number): void => void usleep(milliseconds * 1000);

/** Waits as Node's own threads wait for one another, futex(2). */
const waitForThread = (milliseconds: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

/** Keeps the event loop at work, as its own code or the kernel may. */
const work = (milliseconds: number): void => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};

/** Does each of these under the guard of one plugin, until it is killed. */
async function stallBy(
  works: readonly (() => void)[],
  hasNeighbours = true,
): Promise<{ readonly actions: readonly string[]; readonly signal: unknown }> {
  const init = spawn('sleep', [String(60 * PATIENCE)]);
  const ended = once(init, 'exit');
  const actions: string[] = [];
  const stall = new StallBudget(
    (action) => actions.push(action),
    { hold: () => {} },
    { now: () => performance.now(), hasNeighbours: () => hasNeighbours },
  );
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

// proves: a sandbox that stalls the event loop is ended
// proves: the event loop is watched
test('a plugin that stalls the event loop for a second is ended', async () => {
  assert.deepEqual(await stallBy(sleeps(2500 * PATIENCE)), { actions: ['killed'], signal: 'SIGKILL' });
});

test('a plugin without neighbours is not ended, however long it stalls the event loop', async () => {
  const { actions, signal } = await stallBy(sleeps(2500, 500), false);
  assert.equal(signal, 'SIGTERM');
  assert.equal(actions[0], 'demoted');
  assert.ok(!actions.includes('killed'));
});

// proves: a sandbox that was slow has a budget
test('a plugin that was slow is ended once its budget is used up, and not before', async () => {
  // On a busy machine the watchdog looks late, and does not see each stall. The plugin is ended later then.
  const before = await stallBy(sleeps(60, 60, 60, 60));
  assert.equal(before.signal, 'SIGTERM', before.actions.join());
  const { actions, signal } = await stallBy(sleeps(60, ...new Array<number>(100 * PATIENCE).fill(100)));
  assert.equal(signal, 'SIGKILL');
  assert.deepEqual([actions[0], actions[1], actions.at(-1)], ['demoted', 'waited', 'killed']);
});

// proves: a sandbox that was slow is ended for the work that it makes too
test('a plugin that was slow is ended for work that it makes the loop do, too', async () => {
  // On a busy machine most of it finds no processor, and does not count. It stops once the plugin is ended.
  const works = new Array<() => void>(1000 * PATIENCE).fill(() => work(40));
  const { actions, signal } = await stallBy([...sleeps(60), ...works]);
  assert.deepEqual([actions[0], actions[1], actions.at(-1)], ['demoted', 'waited', 'killed']);
  assert.equal(signal, 'SIGKILL');
});

// proves: a stall that the watchdog could not see is measured by processor time the next time
test('a plugin is demoted for work that the watchdog could not see, once it was measured', async () => {
  // On a busy machine most of it finds no processor, and does not count.
  const { actions } = await stallBy(new Array<() => void>(1000 * PATIENCE).fill(() => work(40)));
  assert.equal(actions[0], 'demoted');
});

test('time in which the loop itself works is no stall', async () => {
  assert.deepEqual(await stallBy([() => work(300)]), { actions: [], signal: 'SIGTERM' });
});

test("time in which the loop waits for one of Node's own threads is no stall", async () => {
  assert.deepEqual(await stallBy([() => waitForThread(1500)]), { actions: [], signal: 'SIGTERM' });
});

// proves: a plugin is not blamed for a stall that the watchdog did not see
test('a stall that the watchdog did not see blames nobody', () => {
  const actions: string[] = [];
  const plugin = new StallBudget((action) => actions.push(action), { hold: () => {} });
  const unwatched = new StallGuard(stallFields());
  for (const milliseconds of [60, 60, 1200]) unwatched.watch(plugin, () => sleep(milliseconds));
  assert.deepEqual(actions, []);
});
