// The live page of a running postern: what it shows and does is what the plugins get.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { childrenOf, commandOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder, type User } from '../harness/users.js';

/** Holds a connection to the first port, and connects to the other and to an address again and again. */
const PLUGIN = `
import socket, sys, threading, time
def hold(port):
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"hello")
    print("held", flush=True)
    try:
        while s.recv(1): pass
    except OSError as error: pass
    print("ended", flush=True)
threading.Thread(target=hold, args=(int(sys.argv[1]),)).start()
while True:
    for place in ("127.0.0.1", int(sys.argv[2])), ("192.0.2.7", 99):
        try:
            socket.create_connection(place).close()
            print("reached", place[1], flush=True)
        except OSError: pass
    time.sleep(0.1)
`;

interface Page {
  readonly base: string;
  readonly call: <T>(method: string, params?: unknown) => Promise<T>;
  readonly stream: () => Promise<string>;
}

async function enter(link: string): Promise<Page> {
  const [base = '', token] = link.trim().split('/#token=');
  const post = (path: string, body: unknown, headers = {}): Promise<Response> =>
    fetch(`${base}${path}`, {
      method: 'POST',
      headers: { Origin: base, ...headers },
      body: JSON.stringify(body),
    });
  const entered = await post('/session', { token });
  assert.equal(entered.status, 200);
  const { key } = (await entered.json()) as { key: string };
  const secrets = {
    Authorization: `Bearer ${key}`,
    Cookie: entered.headers.get('set-cookie')?.split(';')[0] ?? '',
  };
  return {
    base,
    call: async <T>(method: string, params: unknown = {}) => {
      const answer = (await (await post('/call', { method, params }, secrets)).json()) as Record<
        string,
        unknown
      >;
      assert.equal(answer['error'], undefined);
      return answer['result'] as T;
    },
    stream: async () => {
      const response = await fetch(`${base}/stream`, { headers: secrets });
      let text = '';
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += part;
        if (text.includes('"topic":"events"') && text.includes('"topic":"status"')) break;
      }
      return text;
    },
  };
}

interface Scene extends RunningPostern {
  readonly folder: string;
  readonly port: number;
  readonly other: number;
  readonly ask: (...words: readonly string[]) => ReturnType<typeof postern>;
}

async function startUp(t: TestContext, user: User, ui: unknown): Promise<Scene> {
  const folder = readableFolder();
  chownTo(user, folder);
  const held = await listen();
  t.after(() => held.close());
  const other = await freePort();
  const plugin = {
    command: ['/usr/bin/python3', '-c', PLUGIN, `${held.port}`, `${other}`],
    allow: [`127.0.0.1:${held.port}`, '127.0.0.1:1'],
  };
  const file = join(folder, 'postern.yaml');
  writeFileSync(
    file,
    JSON.stringify({ audit: '/dev/null', ...(ui === undefined ? {} : { ui }), plugins: { web: plugin } }),
  );
  chownTo(user, file);
  const path = join(folder, 'c.sock');
  const running = startPostern(['up', '--control', path], { as: user, cwd: folder });
  t.after(() => running.child.kill('SIGKILL'));
  await until(() => running.stdout().includes('held') || running.child.exitCode !== null || undefined);
  return {
    ...running,
    ...{ folder, other, port: held.port },
    ask: (...words) => postern([...words, '--control', path], { as: user }),
  };
}

for (const user of userInTurn(0))
  test(`the page of up shows a connection, ends it, and adds a rule that is in force at once; the page ends with up (${user})`, async (t) => {
    const port = await freePort();
    const scene = await startUp(t, user, { address: `127.0.0.1:${port}`, edit: true });
    const { stdout: link, stderr } = await scene.ask('ui');
    assert.ok(link.startsWith(`http://127.0.0.1:${port}/#token=`), `${link}${stderr}${scene.said()}`);
    const page = await enter(link);
    const shown = await page.stream();
    assert.match(shown, /"reason":"no_rule","rule":null,"host":"192\.0\.2\.7"/);
    const { connections } = await page.call<{ connections: { decision_id: string; rtt_ms: number }[] }>(
      'connections',
    );
    const [connection] = connections;
    assert.ok(connection !== undefined && connection.rtt_ms >= 0, JSON.stringify(connections));
    assert.doesNotMatch(scene.stdout(), /ended/);
    await page.call('disconnect', { plugin: 'web', decision_id: connection.decision_id });
    await until(() => scene.stdout().includes('ended') || undefined);
    const counted = await page.call<{ rules: { rule: string; hits: number }[] }>('rules');
    const hits = new Map(counted.rules.map(({ rule, hits: times }) => [rule, times]));
    assert.equal(hits.get(`127.0.0.1:${scene.port}`), 1);
    assert.equal(hits.get('127.0.0.1:1'), 0);
    const rule = `127.0.0.1:${scene.other}`;
    assert.deepEqual((await page.call<{ opens: unknown }>('preview', { plugin: 'web', rule })).opens, [rule]);
    const listener = await listen(undefined, '127.0.0.1', scene.other);
    t.after(() => listener.close());
    await page.call('allow', { plugin: 'web', rule });
    await until(() => scene.stdout().includes(`reached ${scene.other}`) || undefined);
    assert.ok(readFileSync(join(scene.folder, 'postern.yaml'), 'utf8').includes(rule));
    // A link for another browser.
    await enter((await scene.ask('ui')).stdout);
    scene.child.kill('SIGTERM');
    await scene.result;
    await until(() =>
      fetch(page.base).then(
        () => undefined,
        () => true,
      ),
    );
  });

for (const user of userInTurn(1))
  test(`postern ui serves a page of its own where up serves none, until it is ended; disconnect and rules are commands too (${user})`, async (t) => {
    const scene = await startUp(t, user, undefined);
    const path = join(scene.folder, 'c.sock');
    const ui = startPostern(['ui', '--control', path, '--address', '127.0.0.1:0'], { as: user });
    t.after(() => ui.child.kill('SIGKILL'));
    const page = await enter(await until(() => /^http.*\n/m.exec(ui.stdout())?.[0]));
    assert.match(await page.stream(), /"name":"web"/);
    ui.child.kill('SIGTERM');
    assert.equal((await ui.result).status, 0);
    const { stdout: rules } = await scene.ask('rules', 'web');
    assert.match(rules, new RegExp(`^web +allow +1 .* 127\\.0\\.0\\.1:${scene.port}\n`, 'm'));
    assert.match(rules, /^web +allow +unused +- +127\.0\.0\.1:1\n/m);
    assert.doesNotMatch((await scene.ask('rules', '--unused')).stdout, new RegExp(`:${scene.port}\n`));
    const wrong = await scene.ask('disconnect', 'web', 'nothing');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stderr, /"web" has no open connection "nothing"/);
    const { connections } = JSON.parse((await scene.ask('connections', '--json')).stdout) as {
      connections: { decision_id: string }[];
    };
    const ended = await scene.ask('disconnect', 'web', connections[0]?.decision_id ?? '');
    assert.match(ended.stdout, /is ended\n$/, ended.stderr);
    await until(() => scene.stdout().includes('ended') || undefined);
  });

for (const user of anyUser)
  test(`the page is served on a UNIX socket that others cannot open, and no network (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const path = join(folder, 'page.sock');
    const scene = await startUp(t, user, `unix:${path}`);
    assert.match((await scene.ask('ui')).stdout, /^http:\/\/localhost\/#token=/, scene.said());
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const status = await new Promise((resolve, reject) => {
      request({ socketPath: path, path: '/', headers: { Host: 'localhost:9465' } }, ({ statusCode }) =>
        resolve(statusCode),
      )
        .once('error', reject)
        .end();
    });
    assert.equal(status, 200);
    scene.child.kill('SIGTERM');
    await scene.result;
    await until(() => !existsSync(path) || undefined);
  });

for (const user of anyUser)
  test(`a stop while the page starts is heard, and nothing begins (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const file = join(folder, 'postern.yaml');
    const plugins = { web: { command: ['sh', '-c', 'echo begun; sleep 1000'] } };
    const audit = join(folder, 'audit.jsonl');
    writeFileSync(file, JSON.stringify({ ui: '127.0.0.1:0', audit, plugins }));
    chownTo(user, file);
    const running = startPostern(['up', '--control', join(folder, 'c.sock')], { as: user, cwd: folder });
    t.after(() => running.child.kill('SIGKILL'));
    await until(
      () =>
        childrenOf(running.child.pid ?? 0).some((pid) => commandOf(pid).includes('postern-ui')) || undefined,
    );
    running.child.kill('SIGTERM');
    assert.equal((await running.result).status, 0, running.said());
    assert.deepEqual([running.stdout(), existsSync(audit)], ['', false]);
  });

// proves: ui: the page is served on loopback alone
for (const user of anyUser)
  test(`an address that others reach is refused (${user})`, async () => {
    const folder = readableFolder();
    const file = join(folder, 'postern.yaml');
    for (const ui of [
      '0.0.0.0:9465',
      '192.0.2.1:9465',
      '[::]:9465',
      'localhost:9465',
      '9465',
      'unix:',
      '127.0.0.1',
    ]) {
      writeFileSync(file, JSON.stringify({ ui, plugins: { web: { command: ['true'] } } }));
      const { status, stdout, stderr } = await postern(['check', file], { as: user });
      assert.equal(status, 1, `${ui}: ${stdout}${stderr}`);
      assert.match(
        `${stdout}${stderr}`,
        /expected a loopback address such as 127\.0\.0\.1:9465, or unix: and a path/,
      );
    }
  });
