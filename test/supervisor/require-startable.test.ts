import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireStartable } from '../../sandbox/supervisor/require-startable.js';
import type { LiveRuns } from '../../sandbox/supervisor/start-problems.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { readableFolder } from '../harness/users.js';

const plugin = (name: string, changes: Partial<PluginConfig>): PluginConfig => ({
  ...plainPlugin(name, ['true']),
  cwd: '/',
  ...changes,
});

function start(
  changes: Partial<PluginConfig>,
  runs: Partial<LiveRuns>,
  ownFiles: readonly string[] = [],
): void {
  requireStartable([plugin('stays', changes)], { ownFiles }, { ...NO_RUNS, ...runs });
}

const NO_RUNS: LiveRuns = { live: [], ending: [], files: [], homes: [] };

// proves: a run that ends for a reload replaces no socket of those that stay
test('no rule and no listener comes into force where a run may write that is about to end', () => {
  const folder = readableFolder();
  const listen = (name: string): PluginConfig['listen'] => [{ name, address: join(folder, `${name}.sock`) }];
  const allow = [`unix:${folder}/a.sock`];
  for (const name of ['goes', 'stays']) {
    const ending = [plugin(name, { writable: [folder], listen: listen('left'), allow })];
    const refused = (changes: Partial<PluginConfig>): void => {
      assert.throws(() => start(changes, { ending }), {
        code: 'path_not_apart',
        message: name === 'goes' ? /which the plugin "goes" may write/ : /which the plugin may write/,
        fix: /^its run has to end first/,
      });
      start(changes, {});
    };
    refused({ allow });
    if (name === 'goes') {
      refused({ listen: listen('new') });
      // It is bound once the other one is gone.
      start({ listen: listen('left') }, { ending });
    }
    start({}, { ending });
  }
});

// proves: a file that a reload reads lies where no run may write it
test("a file that becomes postern's own lies in no folder that a run may write", () => {
  const folder = readableFolder();
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, 'allow: []\n');
  const run = (changes: Partial<PluginConfig>): Partial<LiveRuns> => ({ live: [plugin('runs', changes)] });
  assert.throws(() => start({}, run({ writable: [folder] }), [file]), {
    code: 'path_not_apart',
    message: /rules\.yaml" would be postern's own, but leads through .* which the plugin "runs" may write/,
    fix: /^stop "runs", read the file, reload/,
  });
  start({}, { ...run({ writable: [folder] }), files: [file] }, [file]);
  start({}, run({ visible: [folder] }), [file]);
});

// proves: home: one that a reload adds shows in no sandbox that runs
test('a home is new where no other plugin that runs sees it', () => {
  const folder = readableFolder();
  const homes = join(folder, 'homes');
  const home = join(homes, 'home');
  mkdirSync(homes);
  const run = (name: string, changes: Partial<PluginConfig>): PluginConfig => plugin(name, changes);
  const sees = { visible: [folder] };
  const refusal = {
    code: 'path_not_apart',
    message: /home" is made now, and the plugin "runs", which runs, would see it/,
    fix: /^stop "runs" first/,
  };
  assert.throws(() => start({ home }, { live: [run('runs', sees)] }), refusal);
  // Covered by what the run knew, but gone.
  assert.throws(() => start({ home }, { live: [run('runs', sees)], homes: [home] }), refusal);
  // What it sees cannot be told.
  assert.throws(() => start({ home }, { live: [run('runs', { cwd: join(folder, 'gone') })] }), refusal);
  start({ home }, { live: [run('runs', { ...sees, hidden: [homes] })] });
  start({ home }, { live: [run('runs', {})] });
  start({ home }, { live: [run('stays', sees)] });
  start({ home }, { live: [run('runs', sees)], ending: [run('runs', sees)] });
  start({ home }, { live: [run('runs', sees)], homes: [home] });
});
