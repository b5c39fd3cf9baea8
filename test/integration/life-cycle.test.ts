import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

function configured(config: object): string {
  const path = join(readableFolder(), 'postern.yaml');
  writeFileSync(path, JSON.stringify(config));
  return path;
}

/** Waits before it accepts a client, and ends. */
const SERVER = `
import socket, time
time.sleep(0.4)
print("accepts", flush=True)
socket.socket(fileno=3).accept()
`;

/** Says more than is shown, and characters that a terminal would obey. */
const SPEAKER = `
import os, socket, time
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in ("FDSTORE=1", "\\n\\n", "READY=1\\nSTATUS=\\x1b[31m" + 3000 * "x", "STOPPING=1"):
    sock.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
time.sleep(1000)
`;

for (const user of users) {
  for (const kind of (['tcp', 'unix'] as const).filter((_, turn) => userInTurn(turn).includes(user))) {
    test(`a plugin starts once the listener of another one is served (${kind}, ${user})`, async () => {
      const address = kind === 'tcp' ? `127.0.0.1:${await freePort()}` : join(ownFolder(user), 'server.sock');
      const config = configured({
        plugins: {
          client: { command: ['echo', 'begins'], after: ['server'] },
          server: {
            command: ['/usr/bin/python3', '-c', SERVER],
            listen: [{ name: 'http', address }],
            ready: { listener: 'http' },
          },
        },
      });
      const { status, stdout, stderr } = await postern(['up', '--config', config], { as: user });
      assert.equal(status, 0, stderr);
      assert.deepEqual(stdout.trim().split('\n'), ['server | accepts', 'client | begins']);
    });
  }
}

for (const user of userInTurn(0)) {
  test(`a plugin starts once a job before it has ended with 0 (${user})`, async () => {
    const { status, stdout, stderr } = await postern(
      [
        'up',
        '--config',
        configured({
          plugins: {
            web: { command: ['sh', '-c', 'echo web'], after: ['migrate'] },
            migrate: {
              kind: 'job',
              command: ['sh', '-c', 'echo job; sleep 0.3; echo done; test -e $HOME/x || exit 0'],
            },
          },
        }),
      ],
      { as: user },
    );
    assert.equal(status, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n'), ['migrate | job', 'migrate | done', 'web | web']);
  });

  // proves: notify: a plugin that is not ready in time is ended
  test(`a plugin that does not say in time that it is ready is ended, and keeps nobody waiting (${user})`, async () => {
    const config = configured({
      plugins: {
        client: { command: ['echo', 'begins'], after: ['server', 'web'] },
        server: { command: ['sleep', '1000'], ready: { notify: true, timeout_s: 1 } },
        web: {
          command: ['sleep', '1000'],
          listen: [{ name: 'http', address: `127.0.0.1:${await freePort()}` }],
          ready: { listener: 'http', timeout_s: 1 },
        },
      },
    });
    const { stdout, stderr } = await postern(['up', '--config', config], { as: user });
    assert.deepEqual(stdout.trim().split('\n'), ['client | begins'], stderr);
    for (const name of ['server', 'web']) {
      assert.ok(stderr.includes(`"${name}" was not ready within 1 s (ready.timeout_s): it is ended`), stderr);
      assert.ok(stderr.includes(`${name}: ended with signal 9`), stderr);
    }
  });
}

for (const user of userInTurn(1)) {
  test(`the operator sees what a plugin says about itself, in one line, and that it ends (${user})`, async (t) => {
    const folder = ownFolder(user);
    const config = configured({
      plugins: { server: { command: ['/usr/bin/python3', '-c', SPEAKER], ready: { notify: true } } },
    });
    const control = join(folder, 'c.sock');
    const { child, result } = startPostern(['up', '--config', config, '--control', control], { as: user });
    t.after(() => child.kill('SIGKILL'));
    const ask = async (...words: readonly string[]): Promise<string> =>
      (await postern(['status', ...words, '--control', control], { as: user })).stdout;
    const shown = await until(async () => {
      const text = await ask('--json');
      return text.includes('"state":"stopping"') ? text : undefined;
    }, 30_000);
    const [server] = (JSON.parse(shown) as { plugins: { status: string }[] }).plugins;
    assert.equal(server?.status, `\\u001b[31m${'x'.repeat(251)}`);
    assert.match(await ask(), /^PLUGIN .* SAYS\nserver {2}stopping .* {2}\\u001b\[31mx{251}$/m);
    child.kill('SIGTERM');
    assert.equal((await result).status, 0);
  });

  test(`a plugin is stopped with its signal, and killed after its grace (${user})`, async () => {
    const script = 'trap "echo interrupted" INT; trap "" TERM; echo up; while :; do sleep 0.05; done';
    const config = configured({
      plugins: {
        one: { command: ['sh', '-c', script], stop: { signal: 'SIGINT', grace_ms: 3_000 } },
      },
    });
    const { child, result } = startPostern(['up', '--config', config], { as: user });
    child.stdout?.once('data', () => child.kill('SIGTERM'));
    const { status, stdout, stderr } = await result;
    assert.equal(status, 0, stderr);
    assert.match(stdout, /interrupted/);
    assert.match(stderr, /one: ended with signal 9/);
  });
}

test('a readiness that cannot be is refused with its place', async () => {
  const config = configured({
    plugins: {
      one: {
        command: ['true'],
        ready: { listener: 'htp' },
        listen: [{ name: 'http', address: '127.0.0.1:0' }],
      },
      two: { command: ['true'], kind: 'job', ready: { after_ms: 5 } },
      three: { command: ['true'], ready: {} },
      five: { command: ['true'], ready: { notify: true }, egress: 'channel' },
      six: { command: ['true'], ready: { notify: true, after_ms: 5 } },
      seven: { command: ['true'], ready: { after_ms: 5, timeout_s: 5 } },
      eight: { command: ['true'], ready: { notify: false } },
      four: { command: ['true'], stop: { signal: 'SIGSTOP' } },
    },
  });
  const { status, stdout, stderr } = await postern(['check', config], { as: 'root' });
  assert.equal(status, 1);
  const said = stdout + stderr;
  for (const words of [
    'there is no listener "htp"',
    'a job is ready once it has ended with 0',
    'write {listener: NAME}, {after_ms: NUMBER} or {notify: true}',
    'with egress channel the plugin has no notify socket',
    'nothing is awaited with after_ms',
    'expected true',
    'SIGTERM, SIGINT',
  ])
    assert.ok(said.includes(words), `${words}: ${said}`);
});
