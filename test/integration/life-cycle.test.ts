import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { ownFolder } from '../harness/own-folder.js';
import { postern, startPostern } from '../harness/postern.js';
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

for (const user of users) {
  for (const kind of ['tcp', 'unix'] as const) {
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

  test(`a plugin is stopped with its signal, and killed after its grace (${user})`, async () => {
    const script = 'trap "echo interrupted" INT; trap "" TERM; echo up; while :; do sleep 0.05; done';
    const config = configured({
      plugins: {
        one: { command: ['sh', '-c', script], stop: { signal: 'SIGINT', grace_ms: 300 } },
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
      four: { command: ['true'], stop: { signal: 'SIGSTOP' } },
    },
  });
  const { status, stdout, stderr } = await postern(['check', config], { as: 'root' });
  assert.equal(status, 1);
  const said = stdout + stderr;
  for (const words of [
    'there is no listener "htp"',
    'a job is ready once it has ended with 0',
    'write {listener: NAME} or {after_ms: NUMBER}',
    'SIGTERM, SIGINT',
  ])
    assert.ok(said.includes(words), `${words}: ${said}`);
});
