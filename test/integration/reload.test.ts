import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { anyUser, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { type Listener, listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, signalTo } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

/** Connects again and again, and says each time what came of it. */
const TRIES = `
import os, socket, sys, time
print("began", sys.argv[2:], flush=True)
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        print("connected", flush=True)
    except OSError as error:
        print("refused", error.errno, flush=True)
    time.sleep(0.02)
`;

interface Up {
  readonly folder: string;
  readonly said: () => string;
  readonly count: (words: string) => number;
  /** Waits until the words come again. */
  readonly next: (words: string) => Promise<void>;
  readonly write: (config: object) => void;
  readonly hangUp: () => void;
  readonly pid: number;
  readonly metric: (line: string) => Promise<string | undefined>;
}

async function startUp(t: TestContext, user: User, config: object, path = 'postern.yaml'): Promise<Up> {
  const folder = readableFolder();
  const metrics = await freePort();
  const write = (next: object): void => {
    writeFileSync(join(folder, `${path}.next`), JSON.stringify({ metrics: `127.0.0.1:${metrics}`, ...next }));
    renameSync(join(folder, `${path}.next`), join(folder, path));
  };
  write(config);
  const { child, said } = startPostern(['up', '--config', path], {
    as: user,
    cwd: folder,
    timeoutMs: 120_000,
  });
  t.after(() => child.kill('SIGKILL'));
  const count = (words: string): number => said().split(words).length - 1;
  return {
    folder,
    said,
    count,
    next: async (words) => {
      const known = count(words);
      await until(() => count(words) > known || undefined);
    },
    write,
    hangUp: () => child.kill('SIGHUP'),
    pid: child.pid ?? 0,
    metric: async (line) => {
      const page = await fetch(`http://127.0.0.1:${metrics}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
      return page
        .split('\n')
        .find((one) => one.startsWith(line))
        ?.slice(line.length + 1);
    },
  };
}

async function upstream(t: TestContext): Promise<Listener> {
  const server = await listen((socket) => socket.end());
  t.after(() => server.close());
  return server;
}

const trying = (port: number, ...words: string[]): readonly string[] => [
  '/usr/bin/python3',
  '-c',
  TRIES,
  String(port),
  ...words,
];

/** The messages of the log's lines about reloads that failed. The log goes to stderr. */
const failedReloads = (said: string): readonly string[] =>
  said.split('\n').flatMap((line) => {
    const { event, message } = line.startsWith('{"event":"reload_failed"') ? JSON.parse(line) : {};
    return event === undefined ? [] : [message];
  });

/** What a plugin can do to its own places: a folder that is named later is missing, linked or closed, and so are its home and the folder of its socket. */
const SPOILS = (base: string): string =>
  `cd ${base}/own && ln -s ${base}/others/in linked && mv sock moved && ln -s moved sock && chmod 0 inner ~`;

for (const user of users) {
  // proves: what a plugin did to its own places fails its start alone
  // proves: the folder of a listener that a plugin has spoilt fails its start alone
  // proves: a home that cannot be written is refused
  test(`a plugin keeps neither a rule from being withdrawn nor another plugin from its start (${user})`, async (t) => {
    const { port } = await upstream(t);
    const base = readableFolder();
    for (const name of ['own', 'own/sock', 'own/inner', 'own/inner/deep', 'others', 'others/in', 'home']) {
      mkdirSync(join(base, name));
      chownTo(user, join(base, name));
    }
    t.after(() => {
      for (const name of ['home', 'own/inner']) chmodSync(join(base, name), 0o755);
    });
    const home = join(base, 'home');
    const listen = ['x', 'y'].map((name) => ({ name, address: join(base, `own/sock/${name}.sock`) }));
    const command = ['/bin/sh', '-c', `${SPOILS(base)} && exec "$@"`, 'sh', ...trying(port)];
    const plugins = (tries: object, shown: readonly string[]): object => ({
      plugins: {
        tries: {
          ...{ command, cwd: base, ...tries },
          filesystem: {
            writable: [join(base, 'own')],
            visible: shown.map((name) => join(base, 'own', name)),
          },
        },
        other: {
          ...{ command: ['sh', '-c', 'echo "it runs"; sleep 1000'], cwd: base },
          filesystem: { writable: [join(base, 'others')] },
        },
      },
    });
    const first = { home, listen: listen.slice(0, 1) };
    const up = await startUp(t, user, plugins({ ...first, allow: [`127.0.0.1:${port}`] }, ['inner/deep']));
    await up.next('connected');
    up.write(plugins(first, ['inner/deep']));
    up.hangUp();
    await until(() => up.count('with other rules: tries') === 1 || undefined);
    await up.next('refused 111');
    const cases: readonly (readonly [tries: object, shown: readonly string[], why: RegExp])[] = [
      [{ home }, [], /home: Cannot keep a home in ".*home": its owner may not read/],
      [{ listen }, [], /Cannot listen on ".*own\/sock\/x.sock".* a link leads to ".*own\/sock"/],
      [{}, ['linked'], /visible\[0\]: .*own\/linked".* leads through the link "/],
      [{}, ['gone'], /visible\[0\]: .*own\/gone".* it is not there.* which the plugin may write/],
      ...(user === 'root'
        ? []
        : ([[{}, ['inner/deep'], /visible\[0\]: .*inner\/deep".* a folder above it is closed/]] as const)),
    ];
    for (const [index, [tries, shown, why]] of cases.entries()) {
      up.write(plugins(tries, shown));
      up.hangUp();
      await until(() => up.count('restarted: tries') === index + 1 || undefined);
      await until(() => new RegExp(`^postern: tries: .*${why.source}`, 'm').test(up.said()) || undefined);
    }
    assert.equal(up.count('it runs'), 1);
    process.kill(up.pid, 'SIGTERM');
    await until(() => !existsSync(`/proc/${up.pid}`) || undefined);
    up.write(plugins({ home, listen }, ['inner/deep', 'linked', 'gone']));
    const again = startPostern(['up', '--config', 'postern.yaml'], { as: user, cwd: up.folder });
    t.after(() => again.child.kill('SIGKILL'));
    const { said } = again;
    await until(
      () =>
        (said().includes('other | it runs') && /^postern: tries: .*Cannot listen/m.test(said())) || undefined,
    );
  });
}

for (const user of userInTurn(0)) {
  // proves: a broker that hangs while it gets rules is replaced
  test(`a broker that hangs while it gets rules is replaced, and the next one has them (${user})`, async (t) => {
    const { port } = await upstream(t);
    const plugin = (allow: readonly string[]): object => ({
      plugins: { tries: { command: trying(port), allow } },
    });
    const up = await startUp(t, user, plugin([]));
    await up.next('refused 111');
    const hung = brokerOf(up.pid);
    signalTo(hung, 'SIGSTOP');
    up.write(plugin([`127.0.0.1:${port}`]));
    up.hangUp();
    // Rules may take a minute. A broker that does not work on them has no such time.
    await until(() => up.count('does not answer any more') === 1 || undefined, 15_000);
    await up.next('connected');
    assert.notEqual(brokerOf(up.pid), hung);
    await until(() => up.count('with other rules: tries') === 1 || undefined);
  });
}

for (const user of anyUser) {
  test(`a plugin whose rules changed goes on, with its new rules (${user})`, async (t) => {
    const { port, allConnections } = await upstream(t);
    const plugin = (allow: readonly string[]): object => ({
      plugins: { tries: { command: trying(port), allow } },
    });
    const up = await startUp(t, user, plugin([]));
    await up.next('refused 111');
    assert.equal(await allConnections(), 0);
    up.write(plugin([`127.0.0.1:${port}`]));
    up.hangUp();
    await up.next('with other rules: tries');
    await up.next('connected');
    up.write(plugin([]));
    up.hangUp();
    await up.next('with other rules: tries');
    // A connect that was under way ends first.
    await up.next('refused 111');
    const heard = await allConnections();
    await up.next('refused 111');
    assert.equal(await allConnections(), heard, 'nothing connects any more');
    assert.equal(up.count('began'), 1, 'the program went on');
    assert.equal(await up.metric('postern_policy_reloads_total{result="ok"}'), '3');
  });

  test(`plugins that are new start, those that are gone end, and only a changed one restarts (${user})`, async (t) => {
    const { port } = await upstream(t);
    const up = await startUp(t, user, {
      plugins: {
        stays: { command: trying(port, 'stays') },
        goes: { command: trying(port, 'goes') },
        changes: { command: trying(port, 'one') },
      },
    });
    for (const name of ['stays', 'goes', 'one'])
      await until(() => up.said().includes(`began ['${name}']`) || undefined);
    up.write({
      plugins: {
        stays: { command: trying(port, 'stays') },
        changes: { command: trying(port, 'two') },
        comes: { command: trying(port, 'comes') },
      },
      control: 'off',
    });
    up.hangUp();
    await up.next('started: comes; ended: goes; restarted: changes');
    await until(() => up.said().includes('control changed: it is put in force when') || undefined);
    for (const name of ['two', 'comes'])
      await until(() => up.said().includes(`began ['${name}']`) || undefined);
    assert.equal(up.count("began ['stays']"), 1);
    assert.match(up.said(), /goes: ended with signal 15/);
    assert.equal(await up.metric('postern_plugin_starts_total{plugin="changes",cause="reload"}'), '1');
    assert.equal(await up.metric('postern_plugin_starts_total{plugin="comes",cause="reload"}'), '1');
    assert.equal(await up.metric('postern_plugin_up{plugin="goes"}'), undefined, 'its series are gone');
  });

  test(`a file with a mistake is refused with its place, and the rules in force stay (${user})`, async (t) => {
    const { port } = await upstream(t);
    const up = await startUp(t, user, {
      plugins: { tries: { command: trying(port), allow: [`127.0.0.1:${port}`] } },
    });
    await up.next('connected');
    const mistakes = [
      [{ plugins: { tries: { command: trying(port), allow: ['bad rule'] } } }, 'allow[0]'],
      [{ plugins: { tries: { command: trying(port), alow: [] } } }, 'alow'],
      [{ plugins: {} }, 'there is no plugin to run'],
      [
        {
          plugins: {
            tries: { command: trying(port) },
            other: { command: ['true'], listen: [{ name: 'a', address: `127.0.0.1:${port}` }] },
          },
        },
        'another socket has that port',
      ],
    ] as const;
    for (const [broken, words] of mistakes) {
      up.write(broken);
      up.hangUp();
      await up.next('is not put in force: the former configuration stays');
      assert.ok(up.said().includes(words), `${words}: ${up.said().slice(-600)}`);
      await up.next('connected');
    }
    assert.equal(up.count('began'), 1);
    assert.equal(await up.metric('postern_policy_last_reload_successful'), '0');
    assert.equal(await up.metric('postern_policy_reloads_total{result="error"}'), '4');
    assert.equal(await up.metric('postern_plugin_up{plugin="other"}'), undefined);
    const logged = failedReloads(up.said());
    assert.equal(logged.length, mistakes.length, 'an event of the audit log for each attempt');
    for (const [at, [, words]] of mistakes.entries()) assert.ok(logged[at]?.includes(words), logged[at]);
  });

  test(`a plugin gets another name and keeps its address (${user})`, async (t) => {
    const port = await freePort();
    const plugin = { command: ['sleep', '1011'], listen: [{ name: 'http', address: `127.0.0.1:${port}` }] };
    const up = await startUp(t, user, { plugins: { before: plugin } });
    await until(async () => (await up.metric('postern_plugin_up{plugin="before"}')) === '1' || undefined);
    up.write({ plugins: { after: plugin } });
    up.hangUp();
    await up.next('started: after; ended: before');
    assert.equal(await up.metric('postern_plugin_up{plugin="before"}'), undefined);
    await until(async () => (await up.metric('postern_plugin_up{plugin="after"}')) === '1' || undefined);
  });

  test(`a reload while the broker dies is put in force by the next broker (${user})`, async (t) => {
    const { port } = await upstream(t);
    const plugin = (allow: readonly string[]): object => ({
      plugins: { tries: { command: trying(port), allow } },
    });
    const up = await startUp(t, user, plugin([]));
    await up.next('refused 111');
    const broker = brokerOf(up.pid);
    assert.ok(broker !== undefined);
    process.kill(broker, 'SIGKILL');
    up.write(plugin([`127.0.0.1:${port}`]));
    up.hangUp();
    await up.next('with other rules: tries');
    await up.next('connected');
    assert.equal(up.count('began'), 1);
  });

  test(`many reloads at once end with the last file (${user})`, async (t) => {
    const { port } = await upstream(t);
    const plugin = (word: string, allow: readonly string[]): object => ({
      plugins: { tries: { command: trying(port, word), allow } },
    });
    const up = await startUp(t, user, plugin('first', []));
    await up.next('refused 111');
    for (let round = 0; round < 10; round += 1) {
      up.write(plugin(round % 2 === 0 ? 'even' : 'odd', []));
      up.hangUp();
    }
    up.write(plugin('last', [`127.0.0.1:${port}`]));
    up.hangUp();
    await until(() => up.said().includes("began ['last']") || undefined);
    await up.next('connected');
  });
}

test('a watched file is read again when it changes, also by the swapped link of a ConfigMap', async (t) => {
  const { port } = await upstream(t);
  const folder = readableFolder();
  const text = (allow: readonly string[]): string =>
    JSON.stringify({ reload: { watch: true }, plugins: { tries: { command: trying(port), allow } } });
  for (const [name, allow] of [
    ['one', []],
    ['two', [`127.0.0.1:${port}`]],
  ] as const) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'postern.yaml'), text(allow));
  }
  symlinkSync('one', join(folder, '..data'));
  symlinkSync('..data/postern.yaml', join(folder, 'postern.yaml'));
  const { child, said } = startPostern(['up', '--config', join(folder, 'postern.yaml')], {
    as: 'root',
    timeoutMs: 120_000,
  });
  t.after(() => child.kill('SIGKILL'));
  await until(() => said().includes('refused 111') || undefined);
  symlinkSync('two', join(folder, '..next'));
  renameSync(join(folder, '..next'), join(folder, '..data'));
  await until(() => said().includes('with other rules: tries') || undefined);
  await until(() => said().includes('connected') || undefined);
  writeFileSync(join(folder, 'two', 'postern.yaml'), '{');
  await until(() => said().includes('the former configuration stays') || undefined);
  assert.equal(said().split('began').length - 1, 1);
  assert.equal(failedReloads(said()).length, 1);
  // What a signal had read is not tried again. Two looks would do that.
  writeFileSync(join(folder, 'two', 'postern.yaml'), '[');
  child.kill('SIGHUP');
  await until(() => failedReloads(said()).length > 1 || undefined);
  await setTimeout(3_000);
  assert.equal(failedReloads(said()).length, 2);
});
