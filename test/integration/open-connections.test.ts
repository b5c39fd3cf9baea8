// postern connections: who is connected where, with the bytes that the peer has counted.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import type { OpenConnections } from '../../shared/protocol/open-connections.js';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { postern, startPostern } from '../harness/postern.js';
import { brokerOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { chownTo, readableFolder } from '../harness/users.js';

/** Sends 1,000 bytes over a connection of its own and 2,000 over one of the channel, and holds both until it may close them. */
const TALKER = `${PYTHON_CHANNEL}
import os, socket, sys, time
port = int(sys.argv[1])
own = socket.create_connection(("127.0.0.1", port))
asked = Channel.from_environment().connect("127.0.0.1", port)
for s, count in ((own, 1000), (asked, 2000)):
    s.setblocking(True)
    s.sendall(b"x" * count)
while True:
    time.sleep(1)
`;

interface Counted {
  readonly socket: Socket;
  received: number;
}

for (const user of anyUser) {
  test(`an operator sees each open connection with the bytes that its peer counted (${user})`, async (t) => {
    const peers: Counted[] = [];
    const upstream = await listen((socket) => {
      const counted: Counted = { socket, received: 0 };
      peers.push(counted);
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        counted.received += bytes.length;
        socket.write(Buffer.alloc(3 * bytes.length));
      });
    });
    t.after(() => upstream.close());
    const folder = readableFolder();
    chownTo(user, folder);
    const rule = `127.0.0.1:${upstream.port}`;
    const plugins = {
      talker: { command: ['/usr/bin/python3', '-c', TALKER, String(upstream.port)], allow: [rule] },
      quiet: { command: ['sleep', '1000'] },
    };
    writeFileSync(join(folder, 'postern.yaml'), JSON.stringify({ audit: '/dev/null', plugins }));
    const path = join(folder, 'c.sock');
    const { child } = startPostern(['up', '--control', path], { as: user, cwd: folder });
    t.after(() => child.kill('SIGKILL'));
    await until(() => existsSync(path) || child.exitCode !== null || undefined);
    const ask = (...words: readonly string[]) =>
      postern(['connections', ...words, '--control', path], { as: user });
    const list = async (...words: readonly string[]): Promise<OpenConnections> => {
      const { stdout, stderr } = await ask(...words, '--json');
      assert.equal(stderr, '');
      return JSON.parse(stdout) as OpenConnections;
    };
    const carried = await until(() => {
      const sizes = peers.map(({ received }) => received).sort((a, b) => a - b);
      return sizes[0] === 1000 && sizes[1] === 2000 ? sizes : undefined;
    });

    // The kernel of this host has received all, a moment after the peer has sent it.
    const { connections, more } = await until(async () => {
      const listed = await list();
      const sum = listed.connections.reduce((all, one) => all + (one.received_bytes ?? 0), 0);
      return sum === 9000 ? listed : undefined;
    });
    const byDoor = [...connections].sort((a, b) => Number(a.sent_bytes) - Number(b.sent_bytes));
    assert.deepEqual(
      byDoor.map((one) => [one.door, one.sent_bytes, one.received_bytes]),
      [
        ['trap', carried[0], 3000],
        ['channel', carried[1], 6000],
      ],
    );
    for (const one of connections) {
      const { plugin, host, port, dialed } = one;
      assert.deepEqual([plugin, host, port, dialed], ['talker', '127.0.0.1', upstream.port, '127.0.0.1']);
      assert.equal(one.rule, rule);
      assert.ok(one.age_ms >= 0 && one.age_ms < 600_000, String(one.age_ms));
    }
    const [own] = byDoor;
    assert.match(readFileSync(`/proc/${own?.pid}/cmdline`, 'latin1'), /python3/);
    assert.match(String(own?.program), /^python3/);
    assert.equal(more, 0);

    const { stdout: shown } = await ask('talker');
    assert.match(
      shown,
      /^PLUGIN +PID +PROGRAM +DESTINATION +ADDRESS +RULE +DOOR +AGE +SENT +RECEIVED +RTT +ID\n/,
    );
    const line = `^talker +${own?.pid} +python3\\S* +${rule} +127\\.0\\.0\\.1 +${rule} +trap +\\S+.* 1000 +3000 +\\S+ +${own?.decision_id}$`;
    assert.match(shown, new RegExp(line, 'm'));
    assert.equal((await ask('quiet')).stdout, 'no connection is open\n');
    const first = await list('--limit', '1');
    assert.deepEqual([first.connections.length, first.more], [1, 1]);
    const nobody = await ask('nobody');
    assert.deepEqual([nobody.status, nobody.stdout], [1, '']);
    assert.match(nobody.stderr, /There is no plugin "nobody"/);

    // The next broker goes on with the register.
    const broker = await until(() => brokerOf(child.pid ?? 0));
    process.kill(broker, 'SIGKILL');
    const after = await until(async () => {
      const now = brokerOf(child.pid ?? 0);
      if (now === undefined || now === broker) return undefined;
      const { status, stdout } = await ask('--json');
      if (status !== 0) return undefined;
      // A broker that has just come up may not have the register yet.
      const { connections } = JSON.parse(stdout) as OpenConnections;
      return connections.length === 2 ? connections : undefined;
    });
    assert.deepEqual(after.map((one) => one.sent_bytes).sort(), [1000, 2000]);

    for (const { socket } of peers) socket.resetAndDestroy();
    await until(async () => ((await list()).connections.length === 0 ? true : undefined));
  });
}
