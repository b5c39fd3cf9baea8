import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { LiveRun } from '../../sandbox/supervisor/plugin-runs.js';
import { requireStartable } from '../../sandbox/supervisor/require-startable.js';
import { planPlugin } from '../../sandbox/supervisor/start/plan-plugin.js';
import { type LiveRuns, startHostOf } from '../../sandbox/supervisor/start-problems.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { DEFAULT_RESOLVES } from '../../shared/config/via-config.js';
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

const NO_RUNS: LiveRuns = { live: [], ending: [], files: [], homes: [], written: [] };

/** A run with the plan of its start. @param homes that its sandbox covers */
function running(name: string, changes: Partial<PluginConfig>, homes: readonly string[] = []): LiveRun {
  const config = plugin(name, changes);
  const kept = homes.map((home, index) => plugin(`kept${index}`, { home }));
  const host = startHostOf([config, ...kept], { files: [], searched: [] });
  return { config, plan: planPlugin(config, { uid: 1000, gid: 1000 }, host).plan };
}

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

// proves: a file that a reload reads lies where no run could write it
test("a file that becomes postern's own lies in no folder that a plugin could write", () => {
  const folder = readableFolder();
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, 'allow: []\n');
  const written = [{ writer: 'ended', path: folder, real: folder, isHome: false, isFormer: true }];
  assert.throws(() => start({}, { written }, [file]), {
    code: 'path_not_apart',
    message: /rules\.yaml" would be postern's own, but leads through .* which the plugin "ended" could write/,
    fix: /^copy the file to a folder that no plugin writes/,
  });
  start({}, { written, files: [file] }, [file]);
  start({}, {}, [file]);
});

// proves: home: one that a reload adds shows in no sandbox that runs
test('a home is new where no other plugin that runs sees it', () => {
  const folder = readableFolder();
  const homes = join(folder, 'homes');
  const home = join(homes, 'home');
  mkdirSync(homes);
  const sees = { visible: [folder] };
  const refusal = {
    code: 'path_not_apart',
    message: /home" is made now, and the plugin "runs", which runs, would see it/,
    fix: /^stop "runs" first/,
  };
  assert.throws(() => start({ home }, { live: [running('runs', sees)] }), refusal);
  // Covered by what the run knew, but gone.
  const covers = running('runs', sees, [home]);
  assert.throws(() => start({ home }, { live: [covers], homes: [home] }), refusal);
  const below = join(folder, 'below');
  mkdirSync(below);
  const apart = running('runs', { cwd: below });
  const hidden = running('runs', { ...sees, hidden: [homes] });
  const shown = running('runs', { ...sees, cwd: below });
  // What such a plugin would see at its next start cannot be told.
  rmdirSync(below);
  assert.throws(() => start({ home }, { live: [shown] }), refusal);
  for (const live of [apart, hidden, running('runs', {}), running('stays', sees)])
    start({ home }, { live: [live] });
  start({ home }, { live: [shown], ending: [shown.config] });
  start({ home }, { live: [covers], homes: [home] });
});

// proves: a reload adds no credentials that a sandbox shows which runs
test('credentials are new where no plugin that runs sees them, whatever it did to its own places', () => {
  const folder = readableFolder();
  const data = join(folder, 'data');
  for (const name of ['data', 'data/inner', 'secret']) mkdirSync(join(folder, name));
  const credentialsFile = join(folder, 'secret/file');
  writeFileSync(credentialsFile, 'user:word\n');
  const via = { ...{ resolve: DEFAULT_RESOLVES, direct: [], source: [], resolvers: [] }, credentialsFile };
  const spoils = { visible: [folder, join(data, 'inner')], writable: [data] };
  const sees = running('runs', spoils);
  const blind = running('runs', { ...spoils, hidden: [join(folder, 'secret')] });
  rmdirSync(join(data, 'inner'));
  assert.throws(() => start({ via }, { live: [sees] }), {
    code: 'bad_via',
    message: /^"runs" would see the credentials in ".*\/secret\/file"/,
  });
  start({ via }, { live: [blind] });
  start({ via }, { live: [sees], ending: [sees.config] });
});

// proves: a link in the place of a writable path fails its own start alone
test("a link in the place of a plugin's own path refuses its start, and not the list of plugins", () => {
  const folder = readableFolder();
  for (const name of ['data', 'conf']) mkdirSync(join(folder, name));
  const file = join(folder, 'conf/rules.yaml');
  writeFileSync(file, 'allow: []\n');
  const [data, inner] = [join(folder, 'data'), join(folder, 'data/inner')];
  symlinkSync('../conf/rules.yaml', inner);
  start({ writable: [data, inner] }, {}, [file]);
  assert.throws(() => running('stays', { writable: [data, inner] }), {
    code: 'path_not_apart',
    message: /data\/inner" to the plugin: it leads through the link ".*\/data\/inner" in ".*\/data"/,
  });
  // One that no plugin could have made is a mistake of the configuration.
  assert.throws(() => start({ writable: [inner] }, {}, [file]), { message: /is postern's own/ });
});

// proves: gateway: no plugin writes what a secret's command is and loads
test("no plugin writes beside the script of a secret's command", () => {
  const folder = readableFolder();
  const script = join(folder, 'token.py');
  writeFileSync(script, '');
  const command = { command: ['/usr/bin/python3', script], files: ['/usr/bin/python3', script] };
  const secrets: PluginConfig['secrets'] = { github: { from: 'command', command } };
  start({ secrets }, {});
  assert.throws(() => start({ secrets, writable: [folder] }, {}), {
    code: 'path_not_apart',
    message: /belongs to a program of ask\.hook or secrets, which runs outside of every sandbox/,
  });
});

// proves: gateway: no plugin writes the certificates that a gateway trusts
test("a gateway's certificates are files that a plugin neither writes nor could write", () => {
  const folder = readableFolder();
  const ca = join(folder, 'ca.pem');
  writeFileSync(ca, '');
  const host = { host: 'api.example.com', ports: [443], headers: {}, allow: [], deny: [], masks: true };
  const gateway = [{ ...host, ca }];
  assert.throws(() => start({ gateway, writable: [ca] }, {}), {
    code: 'path_not_apart',
    message: /ca\.pem" is postern's own, and the plugin would write it/,
  });
  const written = [{ writer: 'ended', path: folder, real: folder, isHome: false, isFormer: true }];
  assert.throws(() => start({ gateway }, { written }), {
    code: 'path_not_apart',
    message: /ca\.pem" would be postern's own, .* which the plugin "ended" could write/,
  });
  start({ gateway }, { written, files: [ca] });
});

// proves: gateway: no plugin sees a credential
// proves: gateway: no plugin sees a secret that no gateway names
test('no plugin sees the file of a secret or a credential, also if no gateway names it', (t) => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'kept'));
  const path = join(folder, 'kept/token');
  writeFileSync(path, 'never-seen-0123456789\n', { mode: 0o600 });
  process.env['CREDENTIALS_DIRECTORY'] = join(folder, 'kept');
  t.after(() => delete process.env['CREDENTIALS_DIRECTORY']);
  const cases: readonly Partial<PluginConfig>[] = [
    { secrets: { one: { from: 'file', path } } },
    { secrets: { one: { from: 'credential', name: 'token' } } },
    { otherSecrets: { one: { from: 'file', path } } },
  ];
  for (const keys of cases) {
    start({ ...keys, visible: [folder], hidden: [join(folder, 'kept')] }, {});
    for (const [changes, live] of [
      [{ ...keys, visible: [folder] }, []],
      [keys, [running('runs', { visible: [folder] })]],
    ] as const)
      assert.throws(() => start(changes, { live }), {
        code: 'bad_secret',
        message: /would see the secret in ".*\/kept\/token", or its folder/,
        fields: { key: 'secrets.one', path: undefined },
      });
  }
});
