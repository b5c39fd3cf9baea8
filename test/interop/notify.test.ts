// Programs say that they are ready, as sd_notify(3) does, each in its own way. The plugin after them begins then, and not before.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';
import { compileGo } from './programs/compile.js';

const PYTHON = ['import os, socket, time', 'time.sleep(0.3)', 'print("begins to say it", flush=True)'];
/** As the packages for Python do. */
const CONNECTS = `
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
    sock.connect(os.environ["NOTIFY_SOCKET"])
    sock.sendall(b"READY=1")`;
const SENDS = `
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK).sendto(b"STATUS=x\\nREADY=1\\n", os.environ["NOTIFY_SOCKET"])`;
const NODE = `
setTimeout(() => {
  console.log('begins to say it');
  require('child_process').execFileSync('/usr/bin/systemd-notify', ['--ready']);
}, 300);`;

const python = (text: string): readonly string[] => ['/usr/bin/python3', '-c', [...PYTHON, text].join('\n')];

interface Way {
  readonly name: string;
  readonly command: () => readonly string[];
  readonly visible?: boolean;
}

const WAYS: readonly Way[] = [
  {
    name: 'libsystemd, with a barrier',
    command: () => [compile(new URL('notify.c', import.meta.url))],
    visible: true,
  },
  { name: 'Python, connect(2)', command: () => python(CONNECTS) },
  { name: 'Python, sendto(2)', command: () => python(SENDS) },
  {
    name: 'Go',
    command: () => [compileGo(new URL('notify.go', import.meta.url))],
    visible: true,
  },
  {
    name: 'systemd-notify of a shell',
    command: () => ['sh', '-c', 'sleep 0.3; echo begins to say it; systemd-notify --ready --status=up'],
  },
  {
    name: 'systemd-notify of Node',
    command: () => [process.execPath, '-e', NODE],
    visible: true,
  },
];

for (const [turn, { name, command, visible = false }] of WAYS.entries())
  for (const user of userInTurn(turn))
    test(`a plugin begins once the one before says that it is ready: ${name} (${user})`, async () => {
      const folder = readableFolder();
      const words = command();
      const config = {
        plugins: {
          client: { command: ['echo', 'begins'], after: ['server'] },
          server: {
            command: words,
            ready: { notify: true, timeout_s: 120 },
            ...(visible && { filesystem: { visible: [words[0]] } }),
          },
        },
      };
      const path = join(folder, 'postern.yaml');
      writeFileSync(path, JSON.stringify(config));
      const { status, stdout, stderr } = await postern(['up', '--config', path], { as: user });
      assert.equal(status, 0, stdout + stderr);
      const lines = stdout.trim().split('\n');
      const begins = lines.indexOf('client | begins');
      assert.ok(begins > lines.indexOf('server | begins to say it'), stdout);
      assert.doesNotMatch(stderr, /not ready within/);
      if (name.startsWith('libsystemd'))
        assert.deepEqual(
          lines.filter((line) => line.startsWith('server')),
          [
            'begins to say it',
            'sent READY=1',
            'STATUS=In service: \x1b[31mred by a socket of type 5',
            'sent BARRIER=1 by a socket of type 5',
            'the barrier is passed',
            'sent STOPPING=1 by a socket of type 5',
          ].map((line) => `server | ${line}`),
        );
    });

test('the slow lane gives the socket as the main thread does', async () => {
  const dist = mutantDist('the main thread puts sockets into tables');
  for (const user of anyUser) {
    const path = join(readableFolder(), 'postern.yaml');
    const plugins = {
      client: { command: ['echo', 'begins'], after: ['server'] },
      server: { command: python(CONNECTS), ready: { notify: true } },
    };
    writeFileSync(path, JSON.stringify({ plugins }));
    const { status, stdout, stderr } = await postern(['up', '--config', path], { as: user, dist });
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stdout, 'server | begins to say it\nclient | begins\n');
  }
});

const WAITS = `
import os, socket, time
print("waits", flush=True)
while not os.path.exists(os.path.join(os.getcwd(), "go")):
    time.sleep(0.05)
${CONNECTS}
`;

for (const user of anyUser)
  test(`the next broker gives the socket too (${user})`, async (t) => {
    const folder = readableFolder();
    chownTo(user, folder);
    const path = join(folder, 'postern.yaml');
    const plugins = {
      client: { command: ['echo', 'begins'], after: ['server'] },
      server: { command: ['/usr/bin/python3', '-c', WAITS], ready: { notify: true } },
    };
    writeFileSync(path, JSON.stringify({ plugins }));
    const { child, result, stdout: said } = startPostern(['up', '--config', path], { as: user });
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('waits') || undefined, 60_000);
    const supervisor = child.pid ?? 0;
    const first = await until(() => brokerOf(supervisor), 30_000);
    process.kill(first, 'SIGKILL');
    await until(() => {
      const now = brokerOf(supervisor);
      return now !== undefined && now !== first ? now : undefined;
    }, 30_000);
    writeFileSync(join(folder, 'go'), '');
    const { status, stdout, stderr } = await result;
    assert.equal(status, 0, stdout + stderr);
    assert.equal(stdout, 'server | waits\nclient | begins\n');
  });
