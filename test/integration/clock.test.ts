// A wall clock that jumps by a day each way, in the supervisor, the broker and all their threads: nothing expires, nobody waits.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../harness/free-port.js';
import { distWithJumpingClock } from '../harness/jumping-clock.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { until } from '../harness/until.js';
import { readableFolder, users } from '../harness/users.js';

/** Connects again and again, and says how often it worked and the longest time. */
const STEADY = `
import socket, sys, time
count, longest = 0, 0
while True:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
    longest = max(longest, time.monotonic() - began)
    count += 1
    print("worked", count, "longest", int(longest * 1000), flush=True)
    time.sleep(0.02)
`;

let dist: string | undefined;

for (const user of users)
  test(`with a clock that jumps, plugins connect, restart and stop, and no broker is replaced (${user})`, async (t) => {
    dist ??= distWithJumpingClock();
    const echo = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    t.after(() => echo.close());
    const folder = readableFolder();
    const port = await freePort();
    const config = {
      metrics: `127.0.0.1:${port}`,
      audit: 'stdout',
      plugins: {
        steady: {
          command: ['/usr/bin/python3', '-c', STEADY, String(echo.port)],
          allow: [`127.0.0.1:${echo.port}`],
        },
        restless: { command: ['sh', '-c', 'echo began; sleep 0.2'], restart: { policy: 'always' } },
      },
    };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
    const { child, result } = startPostern(['up'], { as: user, cwd: folder, dist });
    t.after(() => child.kill('SIGKILL'));
    let seen = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: string) => {
        seen += text;
      });
    const worked = (): number => Number([...seen.matchAll(/worked (\d+)/g)].at(-1)?.[1] ?? 0);
    const broker = await until(() => brokerOf(child.pid ?? 0), 30_000);
    await until(() => worked() > 150 || undefined, 60_000);
    // The waits between restarts grow: three of them are a few seconds.
    await until(() => [...seen.matchAll(/began/g)].length > 3 || undefined, 60_000);
    assert.equal(brokerOf(child.pid ?? 0), broker, 'the broker is the first one');
    const health = await fetch(`http://127.0.0.1:${port}/healthz`);
    assert.equal(health.status, 200, await health.text());
    const days = new Set([...seen.matchAll(/"ts":"(\d+-\d+-\d+)T/g)].map(([, day]) => day));
    assert.ok(days.size >= 2, `the clock jumped: ${[...days]}`);
    const longest = Number([...seen.matchAll(/longest (\d+)/g)].at(-1)?.[1]);
    assert.ok(longest < 5_000, `a connect took ${longest} ms`);
    const stopping = performance.now();
    child.kill('SIGTERM');
    assert.equal((await result).status, 0);
    assert.ok(performance.now() - stopping < 15_000);
  });
