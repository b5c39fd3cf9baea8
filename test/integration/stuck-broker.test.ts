// A plugin can make the kernel work for many seconds on the broker's thread, and its end does not stop that. The broker is replaced meanwhile, and the
// plugin does not run again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { compile } from '../harness/compile.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder, type User } from '../harness/users.js';

/** fdinfo with so many takes the kernel some seconds, and no memory that a machine with so many watches misses. */
const [LEAST, MOST] = [3_000_000, 5_000_000];
const WATCHES = '/proc/sys/fs/epoll/max_user_watches';

const CONNECTS = `
import socket, sys, time
while True:
    socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
    print("worked", flush=True)
    time.sleep(0.02)
`;

/** A server whose queue is full. */
const FULL = `
import socket, sys
server = socket.create_server(("127.0.0.1", 0), backlog=0)
print(server.getsockname()[1], flush=True)
fill = [socket.socket() for _ in range(3)]
for one in fill:
    one.setblocking(False)
    one.connect_ex(server.getsockname())
sys.stdin.readline()
`;

async function startFull(t: TestContext): Promise<string> {
  const server = spawn('/usr/bin/python3', ['-c', FULL], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => server.kill('SIGKILL'));
  const [port] = await once(createInterface(server.stdout), 'line');
  return String(port);
}

const entries = Math.min(MOST, Number(readFileSync(WATCHES, 'utf8')) - 100_000);
/** The kernel may be done before the next broker serves. Then a round says nothing of whether that one waited. */
const ROUNDS = 5;

/** @returns whether the former broker was still there when the next one had served a neighbour */
async function replaced(t: TestContext, user: User): Promise<boolean> {
  const service = await listen((socket) => socket.on('error', () => {}));
  t.after(() => service.close());
  const full = await startFull(t);
  const folder = readableFolder();
  const allow = [`127.0.0.1:${service.port}`, `127.0.0.1:${full}`];
  const program = compile(new URL('stuck-broker.c', import.meta.url));
  const config = {
    plugins: {
      stalls: {
        command: [program, String(entries), full],
        allow,
        restart: { policy: 'always' },
      },
      neighbour: { command: ['/usr/bin/python3', '-c', CONNECTS, String(service.port)], allow },
    },
  };
  writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
  const { child, result, said } = startPostern(['up'], { as: user, cwd: folder, timeoutMs: 240_000 });
  t.after(() => child.kill('SIGKILL'));
  await until(() => said().includes('stalls | swapped') || undefined, 120_000);
  const held = await until(() => brokerOf(child.pid ?? 0));
  await until(() => said().includes('a new one serves') || undefined, 60_000);
  const then = said().length;
  await until(() => said().slice(then).includes('neighbour | worked') || undefined, 20_000);
  const overlapped = existsSync(`/proc/${held}`);
  await until(() => said().includes('"stalls" is parked') || undefined, 20_000);
  assert.match(said(), /the broker was held up by "stalls", also after the end of its sandbox/);
  child.kill('SIGTERM');
  await result;
  return overlapped;
}

// proves: the next broker does not wait until the kernel lets the former one go
// proves: a broker that works for a sandbox past its end is replaced soon
// proves: a plugin for which the kernel works past its end is not started again
for (const user of anyUser)
  test(`a broker that the kernel holds up for a plugin is replaced at once, and the plugin is ended for good (${user})`, {
    skip: entries < LEAST && `${WATCHES} permits fewer than ${LEAST} entries`,
  }, async (t) => {
    for (let round = 1; round <= ROUNDS; round += 1) if (await replaced(t, user)) return;
    assert.fail(`in ${ROUNDS} rounds the former broker was gone before the next one served`);
  });
