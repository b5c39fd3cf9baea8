// A run of a plugin leaves a connection to the next one, in the queue of the listener that both have.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { makePlace, startUpWithSocket } from './up-with-socket.js';

/** A run that finds the connection leaves it there. */
const PROGRAM = `${PYTHON_CHANNEL}
import os, select, sys, time
own = socket.socket(fileno=3)
if select.select([own], [], [], 0)[0]:
    print("found", flush=True)
    time.sleep(100)
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"used")
channel = Channel.from_environment()
while True:
    try:
        to = channel.connect("unix:" + sys.argv[2], 0, 5000)
        break
    except OSError:
        # As root the broker has other ids than the file.
        time.sleep(0.05)
socket.send_fds(to, [b"x"], [s.fileno()])
os._exit(1)
`;

// proves: a run that inherits the queue of a listener answers for the former one
for (const user of anyUser)
  test(`a connection that a run left in the queue of its own listener ends with the next run (${user})`, async (t) => {
    let closed = 0;
    const host = await listen((socket) => socket.on('error', () => {}).on('close', () => (closed += 1)));
    t.after(() => host.close());
    const { folder, place } = makePlace(user, 'own');
    const plugins = {
      own: {
        ...{ command: ['/usr/bin/python3', '-c', PROGRAM, String(host.port), place], cwd: '/' },
        ...{ listen: [{ name: 'own', address: place }], allow: [`127.0.0.1:${host.port}`, `unix:${place}`] },
        ...{ limits: { connection_seconds: 2 }, restart: { policy: 'on-failure', delay_ms: 100 } },
      },
    };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ plugins }));
    const { said } = await startUpWithSocket(t, user, { folder, place });
    await until(() => said().includes('found') || undefined, 30_000);
    assert.equal(closed, 0);
    await until(() => closed > 0 || undefined, 30_000);
    await until(() => /may hold a connection that must end; it is bound anew/.test(said()) || undefined);
    assert.match(said(), /no process holds it: the plugin is ended/);
  });
