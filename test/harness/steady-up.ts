// An `up` with one plugin that connects again and again, and one that ends and is started again and again: a scene of several tests.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.js';
import { listen } from './listener.js';
import { type RunningPostern, startPostern } from './postern.js';
import { readableFolder, type User } from './users.js';

/** Connects, and says how often it worked and the longest time in milliseconds. A broker that dies aborts the connect that it works on. */
const STEADY = `
import socket, sys, time
count, longest = 0, 0
while True:
    began = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as sock:
            sock.sendall(b"x")
            assert sock.recv(1) == b"x"
    except ConnectionAbortedError:
        print("aborted", flush=True)
        continue
    longest = max(longest, time.monotonic() - began)
    count += 1
    print("worked", count, "longest", int(longest * 1000), flush=True)
    time.sleep(0.02)
`;

export interface SteadyUp extends RunningPostern {
  readonly pid: number;
  /** How often the steady plugin has connected. */
  readonly worked: () => number;
  /** The longest of these connects, in milliseconds. */
  readonly longest: () => number;
  /** How often the restless plugin has begun. */
  readonly starts: () => number;
  /** The status of /healthz; undefined if nothing listens. */
  readonly health: () => Promise<number | undefined>;
}

/** @param dist another compiled tree than this one */
export async function startSteadyUp(t: TestContext, user: User, dist?: string): Promise<SteadyUp> {
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
  const running = startPostern(['up'], { as: user, cwd: folder, ...(dist !== undefined && { dist }) });
  const { child, said } = running;
  t.after(() => child.kill('SIGKILL'));
  const last = (pattern: RegExp): number => Number([...said().matchAll(pattern)].at(-1)?.[1] ?? 0);
  return {
    ...running,
    pid: child.pid ?? 0,
    worked: () => last(/worked (\d+)/g),
    longest: () => last(/longest (\d+)/g),
    starts: () => [...said().matchAll(/began/g)].length,
    health: () =>
      fetch(`http://127.0.0.1:${port}/healthz`).then(
        ({ status }) => status,
        () => undefined,
      ),
  };
}
