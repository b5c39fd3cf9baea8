import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changePlugins, PluginList, type PluginParts } from '../../sandbox/supervisor/plugin-list.js';
import type { RootPlan } from '../../sandbox/supervisor/root/plan-root.js';
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
        setRules: async ({ plugin: name, allow, deny, mode }) =>
          note(
            `rules ${name} [${allow}]${deny.length > 0 || mode === 'audit' ? ` not [${deny}] ${mode}` : ''}`,
          ),
        removePlugin: (name) => note(`forget ${name}`),
      },
      listeners: {
        prepare: (plugins) => {
          const bound = plugins.flatMap(({ name, listen }) =>
            listen.map(({ address }) => `${name} ${address.split(':')[1]}`),
          );
          for (const one of bound) note(`bind ${one}`);
          return { putInForce: () => note(`listen ${bound}`), close: () => note(`unbind ${bound}`) };
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

test('only what changed is told, and others end once nothing can fail any more', async () => {
  const { log, parts: all } = parts();
  const before = [plugin('same', ['a.example.com'], 1), plugin('rules'), plugin('gone')];
  const after = [
    plugin('same', ['a.example.com'], 1),
    plugin('rules', ['b.example.com']),
    plugin('new', [], 2),
  ];
  await changePlugins({ ...all, written: [] }, before, after, [], async () => void log.push('end others'));
  assert.deepEqual(log, [
    'bind new 2',
    'series new',
    'rules rules [b.example.com]',
    'rules new []',
    'end others',
    'forget gone',
    'close gone',
    'no series gone',
    'listen new 2',
  ]);
});

// proves: a run that ends for a reload gets no new rule
test('a run that is about to end loses what is withdrawn, and only the next one gets what is new', async () => {
  const { log, parts: all } = parts();
  const old = { ...plugin('a', ['a.example.com', 'b.example.com']), deny: ['c.example.com'] };
  const next: PluginConfig = { ...plugin('a', ['b.example.com', 'd.example.com']), deny: ['e.example.com'] };
  await changePlugins({ ...all, written: [] }, [old], [next], ['a'], async () => void log.push('end others'));
  await changePlugins({ ...all, written: [] }, [next], [{ ...next, mode: 'audit' }], ['a'], async () => {});
  assert.deepEqual(log, [
    'rules a [b.example.com] not [c.example.com,e.example.com] enforce',
    'end others',
    'rules a [b.example.com,d.example.com] not [e.example.com] enforce',
    'listen ',
    'rules a [b.example.com,d.example.com] not [e.example.com] enforce',
    'rules a [b.example.com,d.example.com] not [e.example.com] audit',
    'listen ',
  ]);
});

for (const fails of ['bind two 4', 'rules two []']) {
  test(`after a failure (${fails}) everything is as before, and no plugin was ended`, async () => {
    const { log, parts: all } = parts(fails);
    const before = [plugin('one', [], 1), plugin('two', [], 2), plugin('same', [], 5), plugin('gone')];
    const after = [
      plugin('one', ['a.example.com'], 3),
      plugin('two', ['b.example.com'], 4),
      plugin('same', [], 5),
      plugin('new'),
    ];
    const change = changePlugins(
      { ...all, written: [] },
      before,
      after,
      ['two'],
      async () => void log.push('end others'),
    );
    await assert.rejects(change, new RegExp(fails.replace(/[[\]]/g, '.')));
    const undone = log.slice(log.indexOf(fails) + 1);
    assert.deepEqual(
      undone,
      fails.startsWith('bind')
        ? []
        : ['unbind one 3,two 4', 'forget new', 'close new', 'no series new', 'rules one []', 'rules two []'],
    );
    assert.deepEqual(
      log.filter((step) => /^(end others|listen|forget gone)/.test(step)),
      [],
    );
  });
}

const NO_PLAN: RootPlan = {
  ...{ entries: [], writableDirectories: [], writableFiles: [], cwd: '/', cwdVisible: false },
  hiddenBy: () => undefined,
};

// proves: ask: a run that is about to end still counts as a writer
test('a run that has not ended writes as it was started', () => {
  const next = plugin('a');
  const old: PluginConfig = { ...next, writable: ['/srv'] };
  const list = new PluginList({ plugins: [next] }, { claim: () => {} }, () => [
    { config: old, plan: NO_PLAN },
  ]);
  assert.deepEqual(list.writers, [next, old]);
});
