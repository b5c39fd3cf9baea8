import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireStartable } from '../../sandbox/supervisor/require-startable.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { readableFolder } from '../harness/users.js';

const plugin = (name: string, changes: Partial<PluginConfig>): PluginConfig => ({
  ...plainPlugin(name, ['true']),
  cwd: '/',
  ...changes,
});

function start(changes: Partial<PluginConfig>, leaving: readonly PluginConfig[]): void {
  requireStartable([plugin('stays', changes)], {}, leaving);
}

// proves: a plugin that leaves replaces no socket of those that stay
test('no rule and no listener comes into force where a plugin may write that leaves', () => {
  const folder = readableFolder();
  const listen = (name: string): PluginConfig['listen'] => [{ name, address: join(folder, `${name}.sock`) }];
  const leaving = [plugin('goes', { writable: [folder], listen: listen('left') })];
  for (const changes of [{ allow: [`unix:${folder}/a.sock`] }, { listen: listen('new') }]) {
    assert.throws(() => start(changes, leaving), {
      code: 'path_not_apart',
      message: /which the plugin "goes" may write/,
      fix: /^take out the plugin that writes there, and reload/,
    });
    start(changes, []);
  }
  // It is bound once the other one is gone.
  start({ listen: listen('left') }, leaving);
});
