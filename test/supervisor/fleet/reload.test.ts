import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet, type FleetPlugin } from '../../../sandbox/supervisor/fleet/fleet.js';
import { type PluginKeeping, reload } from '../../../sandbox/supervisor/fleet/reload.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { configOf, FakeStarter, silent, turn } from './fake-starter.js';

const plugin = (
  name: string,
  changes: Partial<PluginConfig> = {},
  after: readonly string[] = [],
): FleetPlugin => ({
  config: { ...configOf(name), ...changes },
  after,
});
const other: Partial<PluginConfig> = { env: { A: 'b' } };

const BEFORE = [plugin('runs'), plugin('stopped'), plugin('job', { kind: 'job' }), plugin('goes')];

/** A fleet with a plugin that runs, one that the operator has stopped, and a job that has ended. */
async function scene(): Promise<{
  readonly starter: FakeStarter;
  readonly fleet: Fleet;
  readonly shown: () => object;
}> {
  const starter = new FakeStarter();
  const fleet = new Fleet(starter, silent, () => {});
  fleet.add(BEFORE, 'boot');
  await turn();
  await fleet.stop('stopped');
  starter.end('job', { kind: 'exited', status: 0 });
  await turn();
  starter.log.length = 0;
  const shown = (): object => Object.fromEntries(fleet.states.map(({ name, state }) => [name, state]));
  return { starter, fleet, shown };
}

const supervisor: PluginKeeping = { setPlugins: async (_plugins, { endOthers }) => endOthers?.() };

test('a reload that fails has touched no plugin', async () => {
  const { starter, fleet, shown } = await scene();
  const failing: PluginKeeping = { setPlugins: () => Promise.reject(new Error('the port is taken')) };
  const after = [
    plugin('runs', other),
    plugin('stopped', other),
    plugin('job', { kind: 'job', ...other }),
    plugin('comes'),
  ];
  await assert.rejects(reload({ supervisor: failing, fleet, before: BEFORE, after }), /the port is taken/);
  await turn();
  assert.deepEqual(starter.log, []);
  assert.deepEqual(shown(), { runs: 'running', stopped: 'stopped', job: 'ended', goes: 'running' });
  assert.equal(fleet.configOf('runs'), BEFORE[0]?.config);
});

// proves: nothing of a reload starts before the runs have ended that it ends
test('all that a reload ends has ended before anything starts, and before what is new comes into force', async () => {
  const { starter, fleet } = await scene();
  const log: string[] = [];
  const keeping: PluginKeeping = {
    setPlugins: async (_plugins, { restarted, endOthers }) => {
      log.push(`restarts ${restarted}`);
      await endOthers?.();
      await turn();
      log.push(...starter.log, 'in force');
    },
  };
  const after = [plugin('runs', other), ...BEFORE.slice(1, 3), plugin('comes')];
  await reload({ supervisor: keeping, fleet, before: BEFORE, after });
  await turn();
  assert.deepEqual(log, ['restarts runs', 'stop runs', 'stop goes', 'in force']);
  assert.deepEqual(starter.log.slice(2).sort(), ['start comes reload', 'start runs reload']);
});

test('if what is new cannot come into force, a plugin that was ended runs on as before', async () => {
  const { starter, fleet } = await scene();
  const keeping: PluginKeeping = {
    setPlugins: async (_plugins, { endOthers }) => {
      await endOthers?.();
      throw new Error('no broker');
    },
  };
  const after = [plugin('runs', other), ...BEFORE.slice(1)];
  await assert.rejects(reload({ supervisor: keeping, fleet, before: BEFORE, after }), /no broker/);
  await turn();
  assert.deepEqual(starter.log, ['stop runs', 'start runs reload']);
  assert.equal(fleet.configOf('runs'), BEFORE[0]?.config);
});

test('a reload starts nothing that the operator has stopped, and no job that has ended', async () => {
  const { starter, fleet, shown } = await scene();
  const after = [
    ...BEFORE.slice(1, 3).map(({ config }) =>
      plugin(config.name, { kind: config.kind, deny: ['a.example.com'] }),
    ),
    plugin('comes'),
  ];
  await reload({ supervisor, fleet, before: BEFORE, after });
  await turn();
  assert.deepEqual(starter.log, ['stop runs', 'stop goes', 'start comes reload']);
  assert.deepEqual(shown(), { stopped: 'stopped', job: 'ended', comes: 'running' });
});

test('a job that has ended runs again if its entry changed, and a stopped plugin stays stopped', async () => {
  const { starter, fleet, shown } = await scene();
  const after = [
    plugin('stopped', other),
    plugin('job', { kind: 'job', ...other }),
    plugin('comes', {}, ['job']),
  ];
  await reload({ supervisor, fleet, before: BEFORE, after });
  await turn();
  assert.deepEqual(shown(), { stopped: 'stopped', job: 'running', comes: 'waiting' });
  starter.end('job', { kind: 'exited', status: 0 });
  await turn();
  assert.deepEqual(starter.log.slice(-2), ['start job reload', 'start comes reload']);
  await fleet.start('stopped');
  await turn();
  assert.equal(fleet.configOf('stopped'), after[0]?.config);
});
