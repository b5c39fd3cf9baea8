// No plugin sees, reaches or replaces the control socket: it would command the supervisor. The judge is a second plugin, which the first one asks
// postern to stop.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { GREETING } from '../../sandbox/supervisor/control/rpc.js';
import { anyUser, twin, userInTurn } from '../harness/asked.js';
import { postern, type RunningPostern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { asUser, chownTo, readableFolder, type User, users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const program = readFileSync(new URL('control-socket.py', import.meta.url), 'utf8');

interface Scene extends RunningPostern {
  /** The pid of the witness, as the real supervisor tells it; undefined if it does not run. */
  readonly witness: () => Promise<number | undefined>;
}

interface Wanted {
  readonly user: User;
  readonly path: string;
  readonly plugin: Record<string, unknown>;
  readonly dist?: string;
}

async function start(t: TestContext, { user, path, plugin, dist }: Wanted): Promise<Scene> {
  const folder = readableFolder();
  const file = join(folder, 'postern.yaml');
  const more = dist === undefined ? {} : { dist };
  const plugins = { hostile: plugin, witness: { command: ['sleep', '1000'] } };
  writeFileSync(file, JSON.stringify({ audit: '/dev/null', plugins }));
  const running = startPostern(['up', '--config', file, '--control', path], { as: user, ...more });
  t.after(() => running.child.kill('SIGKILL'));
  const witness = async (): Promise<number | undefined> => {
    const { stdout, stderr } = await postern(['status', '--json', '--control', path], { as: user });
    assert.match(stdout, /"plugins"/, `${stderr} ${running.said()}`);
    const { plugins: shown } = JSON.parse(stdout) as { plugins: { name: string; pid: number | null }[] };
    return shown.find(({ name }) => name === 'witness')?.pid ?? undefined;
  };
  return { ...running, witness };
}

function place(user: User): { readonly top: string; readonly folder: string; readonly path: string } {
  const top = readableFolder();
  const folder = join(top, 'sockets');
  mkdirSync(folder);
  for (const one of [top, folder]) chownTo(user, one);
  return { top, folder, path: join(folder, 'c.sock') };
}

for (const user of users) {
  for (const shown of ['visible', 'writable'] as const) {
    // proves: control: no plugin sees the control socket
    test(`a control socket in a folder that is ${shown} is not seen, not reached and not replaced (${user})`, async (t) => {
      const { top, path } = place(user);
      const command = ['/usr/bin/python3', '-c', program, path];
      const scene = await start(t, { user, path, plugin: { command, filesystem: { [shown]: [top] } } });
      await until(() => scene.said().includes('hostile | done') || undefined);
      const pid = await until(scene.witness);
      assert.match(scene.said(), /^hostile \| kind no socket$/m, scene.said());
      assert.match(scene.said(), /^hostile \| ask E[A-Z]+$/m);
      assert.match(scene.said(), /^hostile \| replace (?:E[A-Z]+ ){3}E[A-Z]+$/m);
      assert.ok(existsSync(`/proc/${pid}`));
      assert.equal(await scene.witness(), pid);
    });
  }
}

for (const user of anyUser) {
  // proves: control: no rule leads to the control socket
  test(`a plugin whose rule leads to the control socket is not started, by any path (${user})`, async (t) => {
    const { top, folder, path } = place(user);
    symlinkSync(folder, join(top, 'link'));
    symlinkSync(path, join(top, 'direct'));
    for (const named of [path, join(top, 'link/c.sock'), join(top, 'direct')]) {
      const plugin = { command: ['true'], allow: [`unix:${named}`] };
      const scene = await start(t, { user, path, plugin });
      const { status, stderr } = await scene.result;
      assert.equal(status, 1, stderr);
      assert.match(
        stderr,
        /leads to a control socket of postern: a plugin must not command postern; leave/,
        named,
      );
    }
  });
}

for (const user of users) {
  // proves: control: a broker commands nothing
  test(`a rule that came to lead there later commands nothing (${user})`, async (t) => {
    const { top, path } = place(user);
    const other = join(top, 'other.sock');
    const command = [
      'sh',
      '-c',
      `while [ ! -e ${top}/go ]; do sleep 0.1; done; exec /usr/bin/python3 -c "$0" "$1"`,
    ];
    const plugin = {
      command: [...command, program, other],
      allow: [`unix:${other}`],
      filesystem: { visible: [top] },
    };
    const scene = await start(t, { user, path, plugin });
    const pid = await until(() => (existsSync(path) ? scene.witness() : undefined));
    linkSync(path, other);
    writeFileSync(join(top, 'go'), '');
    await until(() => scene.said().includes('hostile | done') || undefined);
    const asked = /^hostile \| ask (.*)$/m.exec(scene.said())?.[1] ?? '';
    if (user === 'user') assert.match(asked, /No process of postern may ask/);
    else assert.match(asked, /^E[A-Z]+$|may ask/);
    assert.equal(await scene.witness(), pid);
  });
}

twin('the witness ends where the protections are gone', async (t) => {
  const { top, path } = place('user');
  const dist = mutantDist(
    'control: no rule leads to the control socket',
    'control: a broker commands nothing',
  );
  const plugin = {
    command: ['/usr/bin/python3', '-c', program, path],
    allow: [`unix:${path}`],
    filesystem: { visible: [top] },
  };
  const scene = await start(t, { user: 'user', path, plugin, dist });
  await until(() => scene.said().includes('hostile | done') || undefined);
  assert.match(scene.said(), /^hostile \| ask answered .*"result":\{"plugin":"witness"\}/m);
  assert.equal(await scene.witness(), undefined);
});

// proves: control: no plugin sees the control socket
// proves: control: no plugin makes the folder of control sockets
// proves: control: no plugin sees the control socket
test("a plugin that would make the default folder of control sockets is not started, and sees none of the user's", async () => {
  const runtime = readableFolder();
  chownTo('user', runtime);
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/nonexistent', XDG_RUNTIME_DIR: runtime };
  const run = (script: string, option: string) =>
    postern(['run', option, runtime, '--cwd', '/usr', '--', 'sh', '-c', script], { as: 'user', env });
  const first = await run('true', '--writable');
  assert.equal(first.status, 125);
  assert.match(first.stderr, /postern looks for its own file at ".*\/postern", and the plugin may write/);
  mkdirSync(join(runtime, 'postern'), { mode: 0o700 });
  chownTo('user', join(runtime, 'postern'));
  writeFileSync(join(runtime, 'postern/other.sock'), 'not shown');
  for (const option of ['--visible', '--writable']) {
    const { stdout, stderr } = await run(
      `ls ${runtime}/postern; touch ${runtime}/postern/x; echo end`,
      option,
    );
    assert.equal(stdout, 'end\n', stderr);
    assert.match(stderr, /touch: .*(?:Read-only|Permission)/);
  }
  assert.ok(!existsSync(join(runtime, 'postern/x')));
});

// proves: control: the folder of control sockets in a home is there before a plugin is
test('a plugin that may write the home puts nothing into the folder of control sockets there', async (t) => {
  if (existsSync('/run/user/65534')) return t.skip('this user has a folder of the session');
  const home = readableFolder();
  chownTo('user', home);
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: home };
  const script = `touch ${home}/own; touch ${home}/.local/state/postern/x; mv ${home}/.local ${home}/away; echo end`;
  const { stdout, stderr } = await postern(
    ['run', '--writable', home, '--cwd', '/usr', '--', 'sh', '-c', script],
    { as: 'user', env },
  );
  assert.equal(stdout, 'end\n', stderr);
  assert.ok(existsSync(join(home, 'own')));
  assert.deepEqual(readdirSync(join(home, '.local/state/postern')), []);
});

// proves: control: root asks the supervisor of a user only if it names the socket
for (const user of users.filter((one) => one === 'root'))
  test(`root asks no supervisor of a user's because of a file that may be a plugin's (${user})`, async (t) => {
    const { folder, path } = place('user');
    const scene = await start(t, { user: 'user', path, plugin: { command: ['sleep', '1000'] } });
    await until(() => existsSync(path) || undefined);
    await until(async () => (await scene.witness()) ?? undefined);
    const file = join(folder, 'postern.yaml');
    writeFileSync(file, `control: ${path}\nplugins: {}\n`);
    const found = await postern(['stop', 'witness', '--config', file], { as: 'root' });
    assert.equal(found.status, 1);
    assert.match(
      found.stderr,
      /uid \d+ serves it, and not you; name the socket by --control if it is meant\n$/,
    );
    assert.notEqual(await scene.witness(), undefined);
    const named = await postern(['status', '--control', path], { as: 'root' });
    assert.equal(named.status, 0, named.stderr);
  });

/** Answers at each of its sockets as a postern would, and says what it hears. */
const FALSE_SUPERVISOR = `
import os, socket, sys, threading
own = socket.socket(socket.AF_UNIX)
own.bind(sys.argv[1])
own.listen()
def serve(server, greeting):
    server.setblocking(True)
    while True:
        client, _ = server.accept()
        try:
            client.sendall(greeting)
            print("heard", client.recv(100), flush=True)
        except OSError:
            print("heard b''", flush=True)
for server in (own, socket.socket(fileno=3)) if "LISTEN_FDS" in os.environ else (own,):
    threading.Thread(target=serve, args=(server, sys.argv[2].encode())).start()
print("ready", flush=True)
`;

// proves: control: a command asks nothing of a plugin that answers at its listener
for (const user of users)
  test(`a command asks no plugin that a file leads to, at a listener or a socket of its own (${user})`, async (t) => {
    const { folder, path } = place(user);
    const out = join(folder, 'out');
    mkdirSync(out);
    chownTo(user, out);
    const sockets = { listener: join(out, 'l.sock'), own: join(out, 'own.sock') };
    const plugin = {
      command: ['/usr/bin/python3', '-c', FALSE_SUPERVISOR, sockets.own, GREETING],
      listen: [{ name: 'l', address: sockets.listener }],
      filesystem: { writable: [out] },
    };
    const scene = await start(t, { user, path, plugin });
    await until(() => scene.said().includes('hostile | ready') || undefined);
    for (const socket of Object.values(sockets)) await assertUnasked(user, out, socket);
    await until(() => scene.said().split('hostile | heard ').length > 2 || undefined);
    assert.doesNotMatch(scene.said(), /heard b'[^']/);
  });

const SERVERS = [
  // proves: control: a command sends nothing to a socket that is no postern's
  { of: 'the host', through: [], greeting: `hello ${GREETING}` },
  // A broker that has listened for a plugin may have ended, and a process of the plugin may have its pid.
  // proves: control: a command asks no process of another pid namespace
  {
    of: 'another pid namespace',
    through: ['unshare', '--user', '--map-current-user', '--pid', '--fork', '--kill-child'],
    greeting: GREETING,
  },
];

for (const [turn, { of, through, greeting }] of SERVERS.entries())
  for (const user of userInTurn(turn))
    test(`a command sends nothing to a server of ${of} that a file leads to (${user})`, async (t) => {
      const { folder, path } = place(user);
      const words = [...through, '/usr/bin/python3', '-c', FALSE_SUPERVISOR, path, greeting];
      const [command = '', ...args] = [...asUser(user), ...words];
      const server = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      t.after(() => server.kill('SIGKILL'));
      let said = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await until(() => said.includes('ready') || undefined);
      await assertUnasked(user, folder, path);
      await until(() => said.includes('heard') || undefined);
      assert.match(said, /heard b''/);
    });

/** An operator asks in a folder where a file names the socket. */
async function assertUnasked(user: User, cwd: string, socket: string): Promise<void> {
  const file = join(cwd, 'postern.yaml');
  writeFileSync(file, `control: ${socket}\nplugins: {}\n`);
  chownTo(user, file);
  const { status, stdout, stderr } = await postern(['status'], { as: user, cwd });
  assert.equal(status, 1, stdout);
  assert.match(stderr, /what answers there is no postern|serves it, and not you/);
}
