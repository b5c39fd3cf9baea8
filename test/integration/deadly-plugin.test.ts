// A plugin whose requests kill the broker again and again is named and ended. Its neighbours go on.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

/** Connects without end. A broker that dies may cost an errno, and no more. */
const CONNECTS = `
import socket, sys, time
while True:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        print("worked", flush=True)
    except OSError:
        pass
    time.sleep(float(sys.argv[2]))
`;

// proves: a plugin whose requests kill the broker is ended
for (const user of anyUser)
  test(`a plugin whose requests kill the broker is named and ended (${user})`, async (t) => {
    // A defect of the broker, as a plugin might find one.
    const dist = mutantDist({
      at: 'a trapped call begins',
      code: "if (context.plugin.name === 'deadly') throw new Error('a defect'); $&",
    });
    const service = await listen((socket) => socket.on('error', () => {}));
    t.after(() => service.close());
    const folder = readableFolder();
    const plugin = (pause: string): object => ({
      command: ['/usr/bin/python3', '-c', CONNECTS, String(service.port), pause],
      allow: [`127.0.0.1:${service.port}`],
      restart: { policy: 'always' },
    });
    // The neighbour asks so seldom that it is no suspect each time.
    const config = { plugins: { deadly: plugin('0.05'), neighbour: plugin('3') } };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify(config));
    const { child, result, said } = startPostern(['up'], { as: user, cwd: folder, dist, timeoutMs: 120_000 });
    t.after(() => child.kill('SIGKILL'));
    const BLAMED = 'right after requests of "deadly"';
    await until(() => said().includes(BLAMED) || undefined, 60_000);
    await until(() => said().includes('"deadly" is parked') || undefined, 20_000);
    // The last broker that it killed is replaced only after it is named.
    await until(() => said().slice(said().indexOf(BLAMED)).includes('a new one serves') || undefined, 20_000);
    const then = said().length;
    await until(() => said().slice(then).includes('neighbour | worked') || undefined, 20_000);
    await until(() => said().slice(then).split('neighbour | worked').length > 2 || undefined, 20_000);
    assert.doesNotMatch(said().slice(then), /the broker died/);
    child.kill('SIGTERM');
    await result;
  });
