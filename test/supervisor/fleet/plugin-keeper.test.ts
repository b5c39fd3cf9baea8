import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet } from '../../../sandbox/supervisor/fleet/fleet.js';
import { nextRestart, PluginKeeper } from '../../../sandbox/supervisor/fleet/plugin-keeper.js';
import { NO_RESTART, type RestartConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { until } from '../../harness/until.js';
import { configOf, FakeStarter, silent, turn } from './fake-starter.js';

const RESTART: RestartConfig = { policy: 'always', delayMs: 100, maxDelayMs: 1000, resetAfterMs: 5000 };
const good = { failed: false, milliseconds: 10 };
const bad = { failed: true, milliseconds: 10 };

test('nextRestart() follows the policy', () => {
  const policies = ['no', 'on-failure', 'always'] as const;
  const restarted = policies.map((policy) =>
    [good, bad].map((run) => nextRestart({ ...RESTART, policy }, run, 0) !== undefined),
  );
  assert.deepEqual(restarted, [
    [false, false],
    [false, true],
    [true, true],
  ]);
});

test('nextRestart() doubles the delay up to the maximum, and begins again after a long run', () => {
  const waits: (number | undefined)[] = [];
  let restarts = 0;
  for (let count = 0; count < 6; count += 1) {
    const next = nextRestart(RESTART, bad, restarts);
    waits.push(next?.delayMs);
    restarts = next?.restarts ?? 0;
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1000, 1000]);
  assert.deepEqual(nextRestart(RESTART, { failed: true, milliseconds: 5000 }, restarts), {
    delayMs: 100,
    restarts: 1,
  });
  assert.equal(nextRestart(RESTART, bad, 1_000_000)?.delayMs, 1000);
});

test('a keeper tries a failed start again, and reports the delay', async () => {
  const starter = new FakeStarter();
  starter.failures = 2;
  const waits: (number | undefined)[] = [];
  const watcher = {
    ...silent,
    onFailedStart: (_: string, __: unknown, wait?: number) => void waits.push(wait),
  };
  const keeper = new PluginKeeper(
    configOf('a', { ...RESTART, policy: 'on-failure', delayMs: 10 }),
    starter,
    watcher,
  );
  const ended = keeper.run();
  await until(() => starter.log.length === 3 || undefined);
  assert.deepEqual(starter.log, ['start a boot', 'start a restart', 'start a restart']);
  assert.deepEqual(waits, [10, 20]);
  starter.end('a', { kind: 'exited', status: 0 });
  assert.equal(await ended, true);
});

test('the last end is that of the last run, or why the start after it failed', async () => {
  const starter = new FakeStarter();
  starter.failures = 1;
  const keeper = new PluginKeeper(configOf('a', { ...RESTART, delayMs: 1 }), starter, silent);
  const ended = keeper.run();
  await until(() => keeper.state.state === 'running' || undefined);
  assert.equal(keeper.state.lastEnd, 'cannot start');
  const end = { kind: 'exited', status: 7 } as const;
  starter.end('a', end);
  await until(() => keeper.state.starts === 2 || undefined);
  assert.deepEqual(keeper.state.lastEnd, end);
  await keeper.stop();
  await ended;
});

test('a start for which the host had no room is tried again, whatever the policy, and is no restart', async () => {
  const starter = new FakeStarter();
  starter.failures = 2;
  starter.failure = new PosternError('shortage', 'no descriptor');
  const waits: (number | undefined)[] = [];
  const watcher = {
    ...silent,
    onFailedStart: (_: string, __: unknown, wait?: number) => void waits.push(wait),
  };
  const fleet = new Fleet(starter, watcher, () => {});
  fleet.add(
    [
      { config: configOf('first', { ...NO_RESTART, delayMs: 10 }), after: [] },
      { config: configOf('second'), after: ['first'] },
    ],
    'boot',
  );
  await until(() => starter.log.length === 4 || undefined);
  assert.deepEqual(waits, [10, 20]);
  assert.deepEqual(starter.log, [
    'start first boot',
    'start first boot',
    'start first boot',
    'start second boot',
  ]);
  for (const name of ['first', 'second']) starter.end(name, { kind: 'exited', status: 0 });
  assert.equal(await fleet.ended, true);
});

test('a stop ends the wait for room', async () => {
  const starter = new FakeStarter();
  starter.failures = 1;
  starter.failure = new PosternError('shortage', 'no descriptor');
  const keeper = new PluginKeeper(configOf('a', { ...NO_RESTART, delayMs: 60_000 }), starter, silent);
  const ended = keeper.run();
  await turn();
  await keeper.stop();
  assert.equal(await ended, true);
  assert.deepEqual(starter.log, ['start a boot', 'stop a']);
});

test('a keeper that is stopped during the delay starts nothing more', async () => {
  const starter = new FakeStarter();
  const keeper = new PluginKeeper(
    configOf('a', { ...RESTART, delayMs: 60_000, maxDelayMs: 60_000 }),
    starter,
    silent,
  );
  const ended = keeper.run();
  await turn();
  starter.end('a', { kind: 'exited', status: 1 });
  await turn();
  await keeper.stop();
  assert.equal(await ended, true);
  assert.deepEqual(starter.log, ['start a boot', 'stop a']);
});
