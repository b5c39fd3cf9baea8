import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet, type FleetPlugin } from '../../../sandbox/supervisor/fleet/fleet.js';
import type { StateWord } from '../../../sandbox/supervisor/fleet/plugin-keeper.js';
import type { RestartConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { until } from '../../harness/until.js';
import { configOf, FakeStarter, silent, turn } from './fake-starter.js';

const plugin = (name: string, after: readonly string[] = []): FleetPlugin => ({
  config: configOf(name),
  after,
});

function words(fleet: Fleet): Readonly<Record<string, StateWord>> {
  return Object.fromEntries(fleet.states.map(({ name, state }) => [name, state]));
}

test('a fleet starts a plugin after those it names, and stops it before them', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add(
    [plugin('web', ['cache', 'database']), plugin('cache', ['database']), plugin('database')],
    'boot',
  );
  await turn();
  assert.deepEqual(starter.log, ['start database boot', 'start cache boot', 'start web boot']);
  starter.log.length = 0;
  await fleet.stopAll();
  assert.deepEqual(starter.log, ['stop web', 'stop cache', 'stop database']);
  assert.equal(await fleet.ended, true);
});

test('a fleet names the plugins that one waits for, until they are ready', async () => {
  const starter = new FakeStarter();
  let ready = (): void => {};
  starter.readiness = new Map([['database', new Promise<void>((resolve) => (ready = resolve))]]);
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('web', ['cache', 'database']), plugin('cache'), plugin('database')], 'boot');
  await turn();
  const awaited = (): readonly (readonly string[])[] => fleet.states.map(({ waitsFor }) => waitsFor);
  assert.deepEqual(awaited(), [['database'], [], []]);
  ready();
  await turn();
  assert.deepEqual(awaited(), [[], [], []]);
  await fleet.stopAll();
});

test('a fleet starts a plugin even if the one it waited for could not be started', async () => {
  const starter = new FakeStarter();
  starter.failures = 1;
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('first'), plugin('second', ['first'])], 'boot');
  await turn();
  assert.deepEqual(starter.log, ['start first boot', 'start second boot']);
  starter.end('second', { kind: 'exited', status: 0 });
  assert.equal(await fleet.ended, false, 'one could not be started');
});

test('a fleet ends with the last plugin that ends for good, and says which are gone', async () => {
  const starter = new FakeStarter();
  const gone: string[] = [];
  const fleet = new Fleet(starter, silent, (name) => gone.push(name));
  fleet.add([plugin('a'), plugin('b')], 'boot');
  await turn();
  starter.end('a', { kind: 'exited', status: 0 });
  await turn();
  assert.deepEqual(words(fleet), { a: 'ended', b: 'running' });
  starter.end('b', { kind: 'exited', status: 3 });
  assert.equal(await fleet.ended, false);
  assert.deepEqual(gone, ['a', 'b']);
  assert.deepEqual(words(fleet), { a: 'ended', b: 'failed' });
});

test('an operator stops and starts a plugin, and the fleet goes on without it', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  let ended = false;
  void fleet.ended.then(() => {
    ended = true;
  });
  fleet.add([plugin('a')], 'boot');
  await turn();
  await fleet.stop('a');
  await turn();
  assert.deepEqual([words(fleet)['a'], ended], ['stopped', false]);
  await fleet.start('a');
  await fleet.start('a');
  await turn();
  assert.deepEqual(starter.log, ['start a boot', 'stop a', 'rest a', 'start a operator']);
  await fleet.restart('a');
  await turn();
  assert.deepEqual(starter.log.slice(4), ['stop a', 'start a operator']);
  assert.equal(words(fleet)['a'], 'running');
});

test('an operator starts a plugin that had ended for good', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('a'), plugin('b')], 'boot');
  await turn();
  starter.end('a', { kind: 'exited', status: 1 });
  await turn();
  await fleet.start('a');
  await until(() => words(fleet)['a'] === 'running' || undefined);
});

test('commands for one plugin are carried out one after the other', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('a')], 'boot');
  await turn();
  await Promise.all([fleet.restart('a'), fleet.stop('a'), fleet.start('a')]);
  await turn();
  assert.deepEqual(starter.log.slice(1), [
    'stop a',
    'start a operator',
    'stop a',
    'rest a',
    'start a operator',
  ]);
});

test('a command for a plugin that is not there is refused', async () => {
  const fleet = new Fleet(new FakeStarter(), silent, () => {});
  fleet.add([plugin('a')], 'boot');
  await assert.rejects(
    fleet.stop('b'),
    (error) => error instanceof PosternError && error.code === 'unknown_plugin',
  );
});

test('a plugin that is removed while it waits for another one never starts', async () => {
  const starter = new FakeStarter();
  starter.start = () => new Promise(() => {});
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('slow'), plugin('late', ['slow'])], 'boot');
  await turn();
  await fleet.remove(['late']);
  assert.deepEqual(words(fleet), { slow: 'starting' });
  assert.deepEqual(starter.log, ['stop late']);
});

test('a plugin starts once those it names are ready, and a job is ready when it has ended with 0', async () => {
  const starter = new FakeStarter();
  let becomeReady: () => void = () => {};
  starter.readiness = new Map([['database', new Promise<void>((resolve) => (becomeReady = resolve))]]);
  const fleet = new Fleet(starter, silent, () => {});
  const job = { config: { ...configOf('migrate'), kind: 'job' as const }, after: ['database'] };
  fleet.add([plugin('web', ['migrate']), job, plugin('database')], 'boot');
  await turn();
  assert.deepEqual(starter.log, ['start database boot']);
  assert.deepEqual(words(fleet), { web: 'waiting', migrate: 'waiting', database: 'running' });
  becomeReady();
  await turn();
  assert.deepEqual(starter.log.slice(1), ['start migrate boot']);
  starter.end('migrate', { kind: 'exited', status: 0 });
  await turn();
  assert.deepEqual(starter.log.slice(2), ['start web boot']);
  assert.deepEqual(
    fleet.states.map(({ isReady }) => isReady),
    [true, true, true],
  );
});

test('a job that is tried again keeps the plugins after it waiting', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  const restart = { policy: 'on-failure' as const, delayMs: 10, maxDelayMs: 10, resetAfterMs: 5000 };
  const job = { config: { ...configOf('migrate', restart), kind: 'job' as const }, after: [] };
  fleet.add([job, plugin('web', ['migrate'])], 'boot');
  await turn();
  starter.end('migrate', { kind: 'exited', status: 1 });
  await until(() => starter.log.length === 2 || undefined);
  assert.deepEqual(starter.log, ['start migrate boot', 'start migrate restart']);
  starter.end('migrate', { kind: 'exited', status: 0 });
  await until(() => starter.log.includes('start web boot') || undefined);
});

test('a plugin that ends for good before it was ready keeps nobody waiting', async () => {
  const starter = new FakeStarter();
  starter.readiness = new Map([['first', new Promise<void>(() => {})]]);
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('first'), plugin('second', ['first'])], 'boot');
  await turn();
  assert.equal(words(fleet)['second'], 'waiting');
  starter.end('first', { kind: 'exited', status: 0 });
  await until(() => starter.log.includes('start second boot') || undefined);
});

// proves: a task that waited starts no plugin that is gone
test('an order that waits while its plugin is removed is refused, and starts nothing', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('a')], 'boot');
  await turn();
  const removed = fleet.remove(['a']);
  const orders = [fleet.start('a'), fleet.restart('a'), fleet.stop('a')];
  await removed;
  for (const order of await Promise.allSettled(orders)) {
    assert.equal(order.status, 'rejected');
    assert.equal((order.reason as PosternError).code, 'unknown_plugin');
  }
  fleet.add([plugin('a')], 'reload');
  await turn();
  assert.deepEqual(starter.log, ['start a boot', 'stop a', 'start a reload']);
  assert.deepEqual(words(fleet), { a: 'running' });
});

test('a fleet does not end while plugins take the place of its last ones', async () => {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  let ended: boolean | undefined;
  void fleet.ended.then((good) => {
    ended = good;
  });
  fleet.add([plugin('before')], 'boot');
  await turn();
  await fleet.remove(['before']);
  await turn();
  assert.equal(ended, undefined);
  fleet.add([plugin('job'), plugin('goes')], 'reload');
  await turn();
  starter.end('job', { kind: 'exited', status: 0 });
  await turn();
  await fleet.remove(['goes']);
  const start = await fleet.suspend(['job']);
  fleet.add([], 'reload');
  await turn();
  assert.equal(ended, undefined, 'one that has ended is about to start again');
  start();
  await turn();
  assert.equal(ended, undefined, 'one that has ended starts again');
  starter.end('job', { kind: 'exited', status: 0 });
  await turn();
  assert.equal(ended, true);
});

/** Two that run, the one after the other. The next run of the database becomes ready by hand. */
async function twoThatRun(restart?: RestartConfig): Promise<{
  readonly starter: FakeStarter;
  readonly fleet: Fleet;
  readonly becomeReady: () => void;
}> {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add([plugin('web', ['database']), { config: configOf('database', restart), after: [] }], 'boot');
  await turn();
  let becomeReady: () => void = () => {};
  starter.readiness = new Map([['database', new Promise<void>((resolve) => (becomeReady = resolve))]]);
  starter.log.length = 0;
  return { starter, fleet, becomeReady };
}

for (const [how, order, cause] of [
  [
    'restarted one by one',
    (fleet) => Promise.all([fleet.restart('web'), fleet.restart('database')]),
    'operator',
  ],
  [
    'restarted in the other order',
    (fleet) => Promise.all([fleet.restart('database'), fleet.restart('web')]),
    'operator',
  ],
  ['restarted by a reload', async (fleet) => (await fleet.suspend(['web', 'database']))(), 'reload'],
] as readonly (readonly [string, (fleet: Fleet) => Promise<unknown>, string])[]) {
  test(`plugins that are ${how}: each starts once the new run of those that it names is ready`, async () => {
    const { starter, fleet, becomeReady } = await twoThatRun();
    await order(fleet);
    await turn();
    assert.deepEqual(words(fleet), { web: 'waiting', database: 'running' });
    if (cause === 'reload') assert.deepEqual(starter.log.slice(0, 2), ['stop web', 'stop database']);
    assert.deepEqual(starter.log.slice(2), [`start database ${cause}`]);
    becomeReady();
    await turn();
    assert.deepEqual(starter.log.slice(3), [`start web ${cause}`]);
  });
}

test('nothing starts a plugin while a reload keeps it ended, and then it starts with its new configuration', async () => {
  const { starter, fleet } = await twoThatRun();
  const start = await fleet.suspend(['web', 'database']);
  const order = fleet.start('database');
  fleet.add([plugin('new', ['database'])], 'reload');
  await turn();
  assert.deepEqual(starter.log, ['stop web', 'stop database']);
  const config = { ...configOf('database'), env: { A: 'b' } };
  fleet.reconfigure({ config, after: [] });
  start();
  await order;
  await turn();
  assert.deepEqual(starter.log.slice(2), ['start database reload']);
  assert.equal(fleet.configOf('database'), config);
});

test('a plugin that is restarted waits for one that its restart policy starts again', async () => {
  const policy: RestartConfig = { policy: 'always', delayMs: 10, maxDelayMs: 10, resetAfterMs: 5000 };
  const { starter, fleet, becomeReady } = await twoThatRun(policy);
  starter.end('database', { kind: 'exited', status: 1 });
  await until(() => starter.log.includes('start database restart') || undefined);
  await fleet.restart('web');
  await turn();
  assert.equal(words(fleet)['web'], 'waiting');
  becomeReady();
  await until(() => starter.log.includes('start web operator') || undefined);
});

test('a plugin that waits goes on waiting when the one before it is restarted, or started once more', async () => {
  const { starter, fleet, becomeReady } = await twoThatRun();
  await Promise.all([fleet.restart('database'), fleet.restart('web')]);
  await fleet.start('database');
  await turn();
  assert.equal(words(fleet)['web'], 'waiting');
  await fleet.restart('database');
  await turn();
  assert.equal(words(fleet)['web'], 'waiting');
  becomeReady();
  await until(() => starter.log.includes('start web operator') || undefined);
});

test('a plugin waits for none that the operator has stopped', async () => {
  const { starter, fleet } = await twoThatRun();
  await fleet.stop('database');
  await fleet.restart('web');
  await until(() => starter.log.includes('start web operator') || undefined);
});
