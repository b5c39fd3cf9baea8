import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changePlugins, type PluginParts } from '../../sandbox/supervisor/change-plugins.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';

const plugin = (name: string, allow: readonly string[] = [], port?: number): PluginConfig => ({
  ...plainPlugin(name, ['true']),
  allow,
  listen: port === undefined ? [] : [{ name: 'http', address: `127.0.0.1:${port}` }],
});

/** Notes what is asked of the parts. @param fails a step that throws */
function parts(fails = ''): { readonly log: string[]; readonly parts: PluginParts } {
  const log: string[] = [];
  const note = (step: string): void => {
    log.push(step);
    if (step === fails) throw new Error(step);
  };
  return {
    log,
    parts: {
      broker: {
        setRules: async ({ plugin: name, allow }) => note(`rules ${name} [${allow}]`),
        removePlugin: (name) => note(`forget ${name}`),
      },
      listeners: {
        change: ({ name, listen }) => {
          note(`listen ${name} ${listen[0]?.address.split(':')[1] ?? ''}`.trimEnd());
          return [];
        },
        close: (name) => note(`close ${name}`),
      },
      records: {
        addPlugin: (name) => note(`series ${name}`),
        removePlugin: (name) => note(`no series ${name}`),
      },
    },
  };
}

test('only what changed is told', async () => {
  const { log, parts: all } = parts();
  const before = [plugin('same', ['a.example.com'], 1), plugin('rules'), plugin('gone')];
  const after = [
    plugin('same', ['a.example.com'], 1),
    plugin('rules', ['b.example.com']),
    plugin('new', [], 2),
  ];
  await changePlugins(all, before, after);
  assert.deepEqual(log, [
    'series new',
    'listen new 2',
    'rules rules [b.example.com]',
    'rules new []',
    'forget gone',
    'close gone',
    'no series gone',
  ]);
});

for (const fails of ['listen two 4', 'rules two [b.example.com]']) {
  test(`after a failure (${fails}) everything is as before`, async () => {
    const { log, parts: all } = parts(fails);
    const before = [plugin('one', [], 1), plugin('two', [], 2), plugin('gone')];
    const after = [plugin('one', ['a.example.com'], 3), plugin('two', ['b.example.com'], 4), plugin('new')];
    await assert.rejects(changePlugins(all, before, after), new RegExp(fails.replace(/[[\]]/g, '.')));
    const undone = log.slice(log.indexOf(fails) + 1);
    for (const step of ['listen one 1', 'rules one []', 'listen two 2', 'rules two []'])
      assert.ok(undone.includes(step), step);
    assert.equal(log.includes('forget gone'), false);
    assert.equal(undone.includes('no series new'), log.includes('series new'));
  });
}
