// A broker that hangs is noticed, shown by /healthz, and replaced. The plugins go on, and nothing is leaked.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, descriptorsOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

/** Connects again and again, and says how often it worked. */
const STEADY = `
import socket, sys, time
count = 0
while True:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    count += 1
    print("worked", count, flush=True)
    time.sleep(0.05)
`;

const status = async (port: number): Promise<number | undefined> =>
  fetch(`http://127.0.0.1:${port}/healthz`).then(
    (answer) => answer.status,
    () => undefined,
  );

for (const user of users)
  test(`a broker that hangs is replaced, and its plugins go on (${user})`, async (t) => {
    const echo = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    t.after(() => echo.close());
    const folder = readableFolder();
    const port = await freePort();
    const config = {
      metrics: `127.0.0.1:${port}`,
      plugins: {
        steady: {
          command: ['/usr/bin/python3', '-c', STEADY, String(echo.port)],
          allow: [`127.0.0.1:${echo.port}`],
        },
        restless: { command: ['sleep', '0.2'], restart: { policy: 'always' } },
      },
    };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
    const { child, result } = startPostern(['up'], { as: user, cwd: folder });
    t.after(() => child.kill('SIGKILL'));
    let seen = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: string) => {
        seen += text;
      });
    const worked = (): number => Number([...seen.matchAll(/worked (\d+)/g)].at(-1)?.[1] ?? 0);
    await until(() => worked() > 3 || undefined, 30_000);
    const pid = child.pid ?? 0;
    const before = descriptorsOf(pid);
    const hung = await until(() => brokerOf(pid));
    process.kill(hung, 'SIGSTOP');
    await until(async () => ((await status(port)) === 503 ? true : undefined), 20_000);
    assert.equal(brokerOf(pid), hung, '/healthz tells of it before the broker is replaced');
    await until(() => (brokerOf(pid) ?? hung) !== hung || undefined, 30_000);
    const then = worked();
    await until(() => worked() > then + 3 || undefined, 30_000);
    await until(async () => ((await status(port)) === 200 ? true : undefined), 20_000);
    assert.match(seen, /the broker does not answer any more, and is replaced/);
    // The other plugin may be in the middle of a start.
    await until(() => descriptorsOf(pid) <= before + 2 || undefined, 20_000);
    child.kill('SIGTERM');
    assert.equal((await result).status, 0);
  });
