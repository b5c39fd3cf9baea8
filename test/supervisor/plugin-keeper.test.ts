import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PluginGroup } from '../../sandbox/supervisor/plugin-group.js';
import {
  PluginKeeper,
  type PluginStarter,
  type PluginWatcher,
} from '../../sandbox/supervisor/plugin-keeper.js';
import { nextRestart } from '../../sandbox/supervisor/restart-delay.js';
import type { PluginEnd } from '../../sandbox/supervisor/start/sandbox.js';
import {
  NO_RESTART,
  type PluginConfig,
  plainPlugin,
  type RestartConfig,
} from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { until } from '../harness/until.js';

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

function configOf(name: string, restart: RestartConfig = NO_RESTART): PluginConfig {
  return { ...plainPlugin(name, ['true']), restart };
}

/** Plugins that a test ends by hand. */
class FakeStarter implements PluginStarter {
  readonly log: string[] = [];
  readonly #ends = new Map<string, (end: PluginEnd) => void>();
  failures = 0;
  failure = new Error('cannot start');

  start = async (config: PluginConfig, cause: string): Promise<{ ended: Promise<PluginEnd> }> => {
    this.log.push(`start ${config.name} ${cause}`);
    if (this.failures > 0) {
      this.failures -= 1;
      throw this.failure;
    }
    return { ended: new Promise((resolve) => this.#ends.set(config.name, resolve)) };
  };

  stop = async (name: string): Promise<void> => {
    this.log.push(`stop ${name}`);
    this.end(name, { kind: 'killed', signal: 15 });
  };

  end(name: string, end: PluginEnd): void {
    this.#ends.get(name)?.(end);
  }
}

const silent: PluginWatcher = { onEnd: () => {}, onFailedStart: () => {} };
const turn = (milliseconds = 5): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

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

test('a start for which the host had no room is tried again, whatever the policy, and is no restart', async () => {
  const starter = new FakeStarter();
  starter.failures = 2;
  starter.failure = new PosternError('shortage', 'no descriptor');
  const waits: (number | undefined)[] = [];
  const watcher = {
    ...silent,
    onFailedStart: (_: string, __: unknown, wait?: number) => void waits.push(wait),
  };
  const first = new PluginKeeper(configOf('first', { ...NO_RESTART, delayMs: 10 }), starter, watcher);
  const second = new PluginKeeper(configOf('second'), starter, silent);
  const ended = new PluginGroup([
    { keeper: first, after: [] },
    { keeper: second, after: ['first'] },
  ]).run();
  await until(() => starter.log.length === 4 || undefined);
  assert.deepEqual(waits, [10, 20]);
  assert.deepEqual(starter.log, [
    'start first boot',
    'start first boot',
    'start first boot',
    'start second boot',
  ]);
  for (const name of ['first', 'second']) starter.end(name, { kind: 'exited', status: 0 });
  assert.equal(await ended, true);
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

test('a group starts a plugin after those it names, and stops it before them', async () => {
  const starter = new FakeStarter();
  const member = (
    name: string,
    after: readonly string[] = [],
  ): { keeper: PluginKeeper; after: readonly string[] } => ({
    keeper: new PluginKeeper(configOf(name), starter, silent),
    after,
  });
  const group = new PluginGroup([
    member('web', ['cache', 'database']),
    member('cache', ['database']),
    member('database'),
  ]);
  const ended = group.run();
  await turn();
  assert.deepEqual(starter.log, ['start database boot', 'start cache boot', 'start web boot']);
  starter.log.length = 0;
  await group.stop();
  assert.deepEqual(starter.log, ['stop web', 'stop cache', 'stop database']);
  assert.equal(await ended, true);
});

test('a group starts a plugin even if the one it waited for could not be started', async () => {
  const starter = new FakeStarter();
  starter.failures = 1;
  const first = new PluginKeeper(configOf('first'), starter, silent);
  const second = new PluginKeeper(configOf('second'), starter, silent);
  const ended = new PluginGroup([
    { keeper: first, after: [] },
    { keeper: second, after: ['first'] },
  ]).run();
  await turn();
  assert.deepEqual(starter.log, ['start first boot', 'start second boot']);
  starter.end('second', { kind: 'exited', status: 0 });
  assert.equal(await ended, false, 'one could not be started');
});
