// A running postern is asked and steered over its control socket, by the commands of an operator.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { hasEnded } from '../harness/processes.js';
import { rawControl, request } from '../harness/raw-control.js';
import { until } from '../harness/until.js';
import { asUser, chownTo, readableFolder, type User } from '../harness/users.js';

const TALKER = `
import socket, sys, time
while True:
    print("a line", flush=True)
    print("\\x1b[31mred\\x07", file=sys.stderr, flush=True)
    try:
        socket.create_connection(("192.0.2.7", 99))
    except OSError:
        pass
    time.sleep(0.1)
`;

interface Scene extends RunningPostern {
  readonly folder: string;
  readonly path: string;
  readonly said: () => string;
  /** Runs a command against the running postern. */
  readonly ask: (...words: readonly string[]) => ReturnType<typeof postern>;
}

function configure(folder: string, more: Record<string, unknown> = {}): void {
  const plugins = {
    talker: { command: ['/usr/bin/python3', '-c', TALKER], allow: ['api.example.com', '192.0.2.7:80'] },
    quiet: { command: ['sleep', '1000'] },
  };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins, ...more }));
}

async function startUp(t: TestContext, user: User): Promise<Scene> {
  const folder = readableFolder();
  chownTo(user, folder);
  configure(folder);
  const path = join(folder, 'c.sock');
  const running = startPostern(['up', '--control', path], { as: user, cwd: folder });
  t.after(() => running.child.kill('SIGKILL'));
  const { stderr: said } = running;
  const ask: Scene['ask'] = (...words) => postern([...words, '--control', path], { as: user });
  await until(() => existsSync(path) || running.child.exitCode !== null || undefined);
  return { ...running, folder, path, said, ask };
}

interface Shown {
  readonly plugins: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid: number | null;
    readonly starts: number;
    readonly last_end: string | null;
  }[];
}

/** Without what changes by itself. */
async function shownOf({ ask }: Scene): Promise<Shown['plugins']> {
  const { stdout, stderr } = await ask('status', '--json');
  assert.equal(stderr, '');
  return (JSON.parse(stdout) as Shown).plugins.map(({ name, state, pid, starts, last_end }) => ({
    name,
    state,
    pid,
    starts,
    last_end,
  }));
}

async function pluginOf(scene: Scene, name: string): Promise<Shown['plugins'][number] | undefined> {
  return (await shownOf(scene)).find((plugin) => plugin.name === name);
}

/** Asks by the protocol: a command for each look would cost far more. */
async function running({ path }: Scene, name: string): Promise<number> {
  const client = await until(() => rawControl(path).catch(() => undefined));
  let asked = 0;
  try {
    return await until(async () => {
      asked += 1;
      client.send(request(asked, 'status'));
      const answer = (await client.answers(asked)).at(-1);
      const { plugins = [] } = (answer?.result ?? {}) as unknown as Partial<Shown>;
      const plugin = plugins.find((one) => one.name === name);
      return plugin?.state === 'running' ? (plugin.pid ?? undefined) : undefined;
    });
  } finally {
    client.socket.destroy();
  }
}

for (const user of anyUser) {
  test(`an operator sees the plugins, what they wrote, and what was refused to them (${user})`, async (t) => {
    const scene = await startUp(t, user);
    const pid = await running(scene, 'talker');
    assert.match(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), /python3/);
    const { stdout: shown } = await scene.ask('status');
    assert.match(shown, /^postern \S+, pid \d+, broker \d+, for .*postern\.yaml\nPLUGIN {2,}STATE/);
    assert.match(shown, /^talker {2,}running +\d+ /m);
    const denials = await until(async () => {
      const { stdout } = await scene.ask('denials');
      return / 192\.0\.2\.7:99 {2}/.test(stdout) ? stdout : undefined;
    });
    assert.match(
      denials,
      /^talker +\d+ {2}\S+ \S+ {2}python3\S* +192\.0\.2\.7:99 +port_not_allowed {2}"192\.0\.2\.7:99"$/m,
    );
    const { stdout: logs } = await scene.ask('logs', 'talker', '--tail', '40', '--since', '1h');
    assert.match(logs, /^\S+Z talker \| a line$/m);
    assert.match(logs, /^\S+Z talker ! \\u001b\[31mred\\u0007$/m);
    const json = await scene.ask('logs', '--lines', '1', '--json');
    assert.equal((JSON.parse(json.stdout) as { lines: unknown[] }).lines.length, 1);
    for (const [command, nothing] of [
      ['logs', ''],
      ['denials', 'nothing was refused\n'],
    ] as const)
      assert.equal((await scene.ask(command, '--since', '2999-01-01')).stdout, nothing);
    scene.child.kill('SIGTERM');
    assert.equal((await scene.result).status, 0);
    assert.ok(!existsSync(scene.path), 'the socket stayed');
  });
}

for (const user of userInTurn(0)) {
  test(`explain --live answers by the rules in force (${user})`, async (t) => {
    const scene = await startUp(t, user);
    await running(scene, 'quiet');
    const explain = (...words: readonly string[]) => scene.ask('explain', ...words, '--json');
    const allowed = await explain('talker', 'api.example.com:443', '--resolved', '93.184.216.34');
    assert.deepEqual(
      [allowed.status, (JSON.parse(allowed.stdout) as { decision: string }).decision],
      [0, 'allow'],
      allowed.stderr,
    );
    const refused = await explain('quiet', 'api.example.com:443');
    assert.equal(refused.status, 1);
    assert.equal((JSON.parse(refused.stdout) as { reason: string }).reason, 'no_rule');
    const all = await scene.ask('explain', 'api.example.com:443', '--resolved', '93.184.216.34');
    assert.match(all.stdout, /talker[\s\S]*quiet/);
    const tried = await explain('quiet', 'x.example.com', '--allow', 'x.example.com');
    assert.deepEqual([tried.status, tried.stdout], [2, '']);
    assert.match(tried.stderr, /A running postern answers by its own rules/);
  });

  test(`stop, start, restart and reload do what they say (${user})`, async (t) => {
    const scene = await startUp(t, user);
    const first = await running(scene, 'quiet');
    assert.equal((await scene.ask('stop', 'quiet')).stdout, '"quiet" is stopped\n');
    assert.ok(hasEnded(first));
    assert.deepEqual((await pluginOf(scene, 'quiet'))?.state, 'stopped');
    const started = await scene.ask('start', 'quiet', 'nobody', 'talker');
    assert.equal(started.stdout, '"quiet" was started\n"talker" runs already\n');
    assert.match(started.stderr, /^postern: There is no plugin "nobody"; [^\n]*\n$/);
    assert.equal(started.status, 1);
    const second = await running(scene, 'quiet');
    assert.deepEqual(
      await scene.ask('restart', 'quiet', '--json').then(({ stdout }) => stdout),
      '{"plugin":"quiet"}\n',
    );
    assert.notEqual(await running(scene, 'quiet'), second);
    const talker = await running(scene, 'talker');
    configure(scene.folder, { plugins: { talker: { command: ['/usr/bin/python3', '-c', TALKER] } } });
    const { stdout, stderr } = await scene.ask('reload');
    const closed =
      'talker: closes api.example.com:443 (rule "api.example.com")\ntalker: closes 192.0.2.7:80\n';
    assert.equal(stdout, `removed: quiet\nchanged: talker\n${closed}`, stderr);
    assert.equal(await running(scene, 'talker'), talker);
    assert.equal(await pluginOf(scene, 'quiet'), undefined);
    configure(scene.folder, { strange: 1 });
    const wrong = await scene.ask('reload');
    assert.deepEqual([wrong.status, wrong.stdout], [1, '']);
    assert.match(wrong.stderr, /^postern: \S*postern\.yaml:1:\d+: strange: unknown key/);
    assert.match(
      (await scene.ask('status')).stdout,
      /\nthe last reload failed, and the configuration before it stays in force: \S*postern\.yaml:1:\d+: strange: /,
    );
    for (const command of ['stop', 'start', 'restart', 'logs', 'denials']) {
      const { status, stderr: why } = await scene.ask(command, 'quiet');
      assert.equal(status, 1, command);
      assert.equal(why, 'postern: There is no plugin "quiet"; name one of talker\n');
    }
  });
}

for (const user of userInTurn(1)) {
  test(`a reload that fails leaves each plugin as it was, and one that follows does what it says (${user})`, async (t) => {
    const scene = await startUp(t, user);
    const [passed, taken] = [await freePort(), await listen(() => {})];
    t.after(() => taken.close());
    const at = (port: number): object => ({ listen: [{ name: 'http', address: `127.0.0.1:${port}` }] });
    const sleep = { command: ['sleep', '1000'] };
    const job = { kind: 'job', command: ['true'] };
    configure(scene.folder, { plugins: { before: { ...sleep, ...at(passed) }, stopped: sleep, job } });
    assert.equal((await scene.ask('reload')).stderr, '');
    await running(scene, 'before');
    await running(scene, 'stopped');
    await until(async () => (await pluginOf(scene, 'job'))?.state === 'ended' || undefined);
    await scene.ask('stop', 'stopped');
    const known = JSON.stringify(await shownOf(scene));
    const next = { after: { ...sleep, ...at(passed) }, stopped: { ...sleep, env: { A: 'b' } }, job };
    configure(scene.folder, { plugins: { ...next, other: { ...sleep, ...at(taken.port) } } });
    const failed = await scene.ask('reload');
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /another socket has that port/);
    assert.equal(JSON.stringify(await shownOf(scene)), known);
    configure(scene.folder, { plugins: next });
    const { stdout, stderr } = await scene.ask('reload');
    assert.equal(stdout, 'added: after\nremoved: before\nrestarted: stopped\n', stderr);
    await running(scene, 'after');
    const shown = await shownOf(scene);
    assert.deepEqual(
      shown.map(({ name, state, starts }) => [name, state, starts]),
      [
        ['stopped', 'stopped', 1],
        ['job', 'ended', 1],
        ['after', 'running', 1],
      ],
    );
  });

  test(`an order that waits for a plugin is refused once a reload has removed it (${user})`, async (t) => {
    const scene = await startUp(t, user);
    const slow = {
      command: ['sh', '-c', "trap '' TERM; while :; do sleep 0.1; done"],
      stop: { grace_ms: 1_500 },
    };
    configure(scene.folder, { plugins: { slow, quiet: { command: ['sleep', '1000'] } } });
    await scene.ask('reload');
    const pid = await running(scene, 'slow');
    configure(scene.folder, { plugins: { quiet: { command: ['sleep', '1000'] } } });
    const reloaded = scene.ask('reload');
    await until(async () => (await pluginOf(scene, 'slow'))?.state === 'stopping' || undefined);
    const { status, stderr } = await scene.ask('start', 'slow');
    assert.deepEqual([status, stderr], [1, 'postern: There is no plugin "slow"; name one of quiet\n']);
    assert.equal((await reloaded).stdout, 'removed: slow\n');
    assert.equal(await pluginOf(scene, 'slow'), undefined);
    assert.ok(!existsSync(`/proc/${pid}`));
  });

  test(`logs --follow goes on with each further line, and ends with postern (${user})`, async (t) => {
    const scene = await startUp(t, user);
    await running(scene, 'talker');
    const watch = startPostern(['logs', 'talker', '-f', '--tail', '1', '--control', scene.path], {
      as: user,
    });
    const { stdout: seen } = watch;
    await until(() => seen().split('\n').length > 8 || undefined);
    scene.child.kill('SIGTERM');
    const { status, stderr } = await watch.result;
    assert.equal(status, 1);
    assert.match(stderr, /^postern: postern has ended/);
    const times = seen()
      .split('\n')
      .map((line) => line.split(' ', 1)[0] ?? '');
    assert.deepEqual(times.slice(0, -1), times.slice(0, -1).toSorted());
  });

  test(`a second postern is refused the socket of a running one, and takes that of a dead one (${user})`, async (t) => {
    const scene = await startUp(t, user);
    const first = await running(scene, 'quiet');
    const second = await postern(['up', '--control', scene.path], { as: user, cwd: scene.folder });
    assert.deepEqual([second.status, second.stdout], [1, '']);
    assert.match(
      second.stderr,
      /^postern: Cannot listen for commands at ".*c\.sock": a running postern listens/,
    );
    assert.equal(await running(scene, 'quiet'), first);
    scene.child.kill('SIGKILL');
    await scene.result;
    assert.ok(existsSync(scene.path));
    const third = startPostern(['up', '--control', scene.path], { as: user, cwd: scene.folder });
    t.after(() => third.child.kill('SIGKILL'));
    await until(async () => (await scene.ask('status')).status === 0 || undefined);
    assert.notEqual(await running(scene, 'quiet'), first);
  });

  test(`a client is answered while postern stops, and then hears of the end (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const stubborn = "trap '' TERM; echo ready; while :; do sleep 0.1; done";
    configure(folder, { plugins: { stubborn: { command: ['sh', '-c', stubborn] } }, stop_grace_ms: 3_000 });
    const path = join(folder, 'c.sock');
    const up = startPostern(['up', '--control', path], { as: user, cwd: folder });
    t.after(() => up.child.kill('SIGKILL'));
    const { stdout: said } = up;
    await until(() => said().includes('ready') || undefined);
    const client = await rawControl(path);
    up.child.kill('SIGTERM');
    await until(async () => {
      const before = client.lines().length;
      client.send(request(before, 'status'));
      const last = (await client.answers(before + 1)).at(-1);
      return JSON.stringify(last?.result).includes('"state":"stopping"') || undefined;
    });
    await client.closed;
    assert.ok(client.lines().every(({ result }) => result !== undefined));
    await up.result;
  });

  test(`run listens only where --control says, and has no commands for what it does not have (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const path = join(folder, 'c.sock');
    const run = startPostern(['run', '--control', path, '--', 'sleep', '1000'], { as: user });
    t.after(() => run.child.kill('SIGKILL'));
    const shown = await until(async () => {
      const { stdout } = await postern(['status', '--json', '--control', path], { as: user });
      return stdout.includes('"running"') ? (JSON.parse(stdout) as Shown & { config: null }) : undefined;
    });
    assert.deepEqual([shown.config, shown.plugins[0]?.name], [null, 'sleep']);
    const { status, stderr } = await postern(['stop', 'sleep', '--control', path], { as: user });
    assert.equal(status, 1);
    assert.match(stderr, /There is no such method/);
    run.child.kill('SIGTERM');
    assert.equal((await run.result).status, 143);
    assert.ok(!existsSync(path));
  });
}

// proves: control: a command asks no other project
test('the default socket is in a folder of the user, is found by the file, and never by that of another project', async (t) => {
  const user: User = 'user';
  const runtime = readableFolder();
  chownTo(user, runtime);
  const env = { PATH: process.env['PATH'], HOME: '/nonexistent', XDG_RUNTIME_DIR: runtime };
  const [here, elsewhere, nowhere] = [readableFolder(), readableFolder(), readableFolder()];
  for (const folder of [here, elsewhere]) configure(folder);
  const up = startPostern(['up'], { as: user, cwd: here, env, ownControl: true });
  t.after(() => up.child.kill('SIGKILL'));
  const path = join(runtime, 'postern/postern.sock');
  await until(() => existsSync(path) || undefined);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(runtime, 'postern')).mode & 0o777, 0o700);
  const ask = (cwd: string, ...words: readonly string[]) =>
    postern(['status', ...words], { as: user, cwd, env });
  for (const cwd of [here, nowhere]) {
    const { status, stdout, stderr } = await ask(cwd);
    assert.equal(status, 0, stderr);
    assert.match(stdout, new RegExp(`${here}/postern\\.yaml`));
  }
  assert.equal((await ask('/', '--config', join(here, 'postern.yaml'))).status, 0);
  const foreign = await ask(elsewhere);
  assert.deepEqual([foreign.status, foreign.stdout], [1, '']);
  assert.match(
    foreign.stderr,
    new RegExp(`runs "${here}/postern.yaml", and not "${elsewhere}/postern.yaml"`),
  );
  const third = readableFolder();
  configure(third, { plugins: { short: { command: ['true'] } } });
  const second = await postern(['up'], { as: user, cwd: third, env, ownControl: true });
  assert.equal(second.status, 0, 'a second project runs without a socket');
  assert.match(second.stderr, /^postern: no control socket: .*a running postern listens there; name another/);
  assert.equal((await ask(here)).status, 0, 'and the first one keeps its socket');
  up.child.kill('SIGTERM');
  await up.result;
  const gone = await ask(here);
  assert.deepEqual([gone.status, gone.stdout], [1, '']);
  assert.match(gone.stderr, /^postern: No postern runs here: ".*" has no control socket; start "postern up"/);
});

test('control: names the socket, and control: off has none', async (t) => {
  const folder = readableFolder();
  chownTo('user', folder);
  configure(folder, { control: './sock/mine' });
  mkdirSync(join(folder, 'sock'));
  chownTo('user', join(folder, 'sock'));
  const at = { as: 'user', cwd: folder } as const;
  const up = startPostern(['up'], { ...at, ownControl: true });
  t.after(() => up.child.kill('SIGKILL'));
  await until(() => existsSync(join(folder, 'sock/mine')) || undefined);
  assert.equal((await postern(['status'], at)).status, 0);
  up.child.kill('SIGTERM');
  assert.doesNotMatch((await up.result).stderr, /control/);
  configure(folder, { control: 'off', plugins: { short: { command: ['true'] } } });
  const { status, stderr } = await postern(['up'], { ...at, ownControl: true });
  assert.equal(status, 0, stderr);
  assert.doesNotMatch(stderr, /control/);
  const off = await postern(['status'], at);
  assert.deepEqual([off.status, off.stdout], [1, '']);
  assert.match(off.stderr, /says control: off/);
  configure(folder, { control: './none/mine' });
  const { stdout } = await postern(['check'], at);
  assert.match(stdout, /control: the folder ".*none" does not exist/);
});

test('without a folder of the session, up and the commands meet in the folder for what is kept', async (t) => {
  if (existsSync('/run/user/65534')) return t.skip('this user has a folder of the session');
  const [home, folder] = [readableFolder(), readableFolder()];
  for (const one of [home, folder]) chownTo('user', one);
  configure(folder);
  // After su(1) the variable may name the folder of another user.
  const env = { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: '/run' };
  const up = startPostern(['up'], { as: 'user', cwd: folder, env, ownControl: true });
  t.after(() => up.child.kill('SIGKILL'));
  const path = join(home, '.local/state/postern/postern.sock');
  await until(() => existsSync(path) || undefined);
  assert.deepEqual(
    [path, join(path, '..'), join(path, '../..')].map((one) => statSync(one).mode & 0o777),
    [0o600, 0o700, 0o700],
  );
  const closed = readableFolder();
  chmodSync(closed, 0);
  for (const runtime of ['/run', join(closed, 'snap')]) {
    const own = { ...env, XDG_RUNTIME_DIR: runtime };
    const { status, stderr } = await postern(['status'], { as: 'user', cwd: folder, env: own });
    assert.equal(status, 0, stderr);
  }
  up.child.kill('SIGTERM');
  assert.doesNotMatch((await up.result).stderr, /control/);
});

test('without a folder for sockets, up says so in one line and runs', async (t) => {
  if (existsSync('/run/user/65534')) return t.skip('this user has a folder of the session');
  const folder = readableFolder();
  configure(folder, { plugins: { short: { command: ['true'] } } });
  for (const [home, why] of [
    ['/nonexistent', 'Cannot listen for commands at "/nonexistent/.local/state/postern/postern.sock": .*'],
    ['', 'neither XDG_RUNTIME_DIR nor HOME is set'],
  ] as const) {
    const env = { PATH: process.env['PATH'], HOME: home };
    const { status, stderr } = await postern(['up'], { as: 'user', cwd: folder, env, ownControl: true });
    assert.equal(status, 0, stderr);
    assert.match(stderr, new RegExp(`^postern: no control socket: ${why}; name [^\n]*\n`));
    assert.equal(stderr.match(/no control socket/g)?.length, 1);
  }
});

// proves: control: another user commands nothing
test('another user who reaches the socket is refused', async (t) => {
  if (process.geteuid?.() !== 0) return t.skip('only root is two users');
  const scene = await startUp(t, 'root');
  const first = await running(scene, 'quiet');
  const client = `
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"stop","params":{"plugin":"quiet"}}\\n')
    print(s.makefile().read(), end="")
except OSError as error:
    print(type(error).__name__)`;
  const asOther = (): string => {
    const [command = '', ...rest] = [...asUser('user'), '/usr/bin/python3', '-c', client, scene.path];
    return spawnSync(command, rest, { encoding: 'utf8' }).stdout;
  };
  assert.equal(asOther(), 'PermissionError\n');
  chmodSync(scene.path, 0o777);
  assert.match(asOther(), /Only uid 0, which started postern, and root may ask, and not uid 65534/);
  assert.equal(await running(scene, 'quiet'), first);
  assert.equal(basename(scene.path), 'c.sock');
});

const ASKING = `
import socket, sys
for name in ("one.example.com", "two.example.com"):
    try:
        print(name, socket.getaddrinfo(name, 443)[0][4][0], flush=True)
    except OSError as error:
        print(name, error.strerror, flush=True)
`;

test('an operator approves and denies what waits for an answer', async (t) => {
  const folder = readableFolder();
  chownTo('user', folder);
  const asking = { command: ['/usr/bin/python3', '-c', ASKING], unknown: 'ask' };
  configure(folder, { plugins: { asking } });
  const path = join(folder, 'c.sock');
  const up = startPostern(['up', '--control', path], { as: 'user', cwd: folder });
  t.after(() => up.child.kill('SIGKILL'));
  const ask = (...words: readonly string[]) => postern([...words, '--control', path], { as: 'user' });
  const opened = (host: string): Promise<string> =>
    until(async () => {
      const { stdout } = await ask('asks', '--json');
      const asks = stdout === '' ? [] : (JSON.parse(stdout) as { asks: { id: string; host: string }[] }).asks;
      return asks.find((one) => one.host === host)?.id;
    });
  const first = await opened('one.example.com');
  const shown = await ask('status');
  assert.match(
    shown.stdout,
    /^ASK +PLUGIN[^\n]*\n +\d+ +asking +one\.example\.com:443 +python3 .*"one\.example\.com:443"$/m,
  );
  assert.equal((await ask('asks', 'deny', first)).stdout, `"${first}" is denied\n`);
  const second = await opened('two.example.com');
  const again = await ask('deny', first);
  assert.equal(again.status, 1);
  assert.match(again.stderr, /There is no open question/);
  const approved = await postern(['asks', '--control', path, 'approve', second, '--json'], { as: 'user' });
  assert.equal(approved.stdout, `{"id":"${second}","answer":"once"}\n`, approved.stderr);
  const { stdout, stderr } = await up.result;
  const waits = `"asking" asks for "two.example.com:443", and waits: postern approve ${second} --control ${path}, or deny`;
  assert.ok(stderr.includes(waits), stderr);
  assert.match(stdout, /^asking \| one\.example\.com Name or service not known$/m);
  // Without a DNS server the approved name does not resolve either, in another way.
  assert.match(stdout, /^asking \| two\.example\.com /m);
});
