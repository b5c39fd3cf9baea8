import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { anyUser } from '../harness/asked.js';
import { listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { startPostern } from '../harness/postern.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';
import { startScene } from './quota-scene.js';

const MIB = 1_048_576;
/** What the program or its peer sends at a time, and in a second. It is small beside the quota, so that a late look shows. */
const CHUNK = 8_192;
const PAUSE_S = 0.032;
const RATE = CHUNK / PAUSE_S;
/** The broker looks every 20 ms near the limit. On a busy machine it is late, but never a second. */
const MOST_OVER = RATE * PATIENCE;

/** Four of them are more than the quota. */
const OVER_BYTES = 270_000;

/** Sends slowly until its connection ends. */
const SEND = `
def send(s, name="one"):
    try:
        while True:
            s.sendall(b"x" * ${CHUNK})
            time.sleep(${PAUSE_S})
    except OSError:
        say(name, "ended")
`;

/** Sends a part of the quota, waits until the peer has it, and ends. */
const RESTARTED = `
import socket, sys, time
try:
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
except OSError as error:
    print("refused", error.errno, flush=True)
    time.sleep(100)
s.sendall(b"x" * 270_000)
s.shutdown(socket.SHUT_WR)
s.recv(1)
`;

/** Sends slowly, as {@link SEND} does. */
function sendSlowly(socket: Socket): void {
  const timer = setInterval(() => socket.write(Buffer.alloc(CHUNK)), PAUSE_S * 1_000);
  socket.on('close', () => clearInterval(timer));
}

for (const user of anyUser) {
  test(`past sent_mib every connection ends, and both ways out are refused with EDQUOT, logged and counted (${user})`, async (t) => {
    const program = `${SEND}
idle = dial("channel")
busy = dial()
send(busy)
idle.settimeout(30)
try: say("idle", idle.recv(1))
except OSError as error: say("idle", errno.errorcode[error.errno])
say(dial(), dial("channel"))
sys.stdin.readline()`;
    const scene = await startScene(t, user, ['sent_mib=1'], program);
    await until(() => scene.said().includes('EDQUOT EDQUOT') || undefined, 30_000);
    const over = scene.received() - MIB;
    assert.ok(over >= -CHUNK && over <= MOST_OVER, `${over} bytes more than the quota`);
    assert.match(scene.said(), /^idle E\w+$/m);
    await until(() => scene.peers.every(({ closedAt }) => closedAt !== undefined) || undefined);
    assert.equal(await scene.listener.allConnections(), 2, 'what was refused was not dialled');
    const cause = `Cannot connect to "127.0.0.1:${scene.listener.port}": limits.sent_mib is used up: 1 MiB`;
    assert.ok(scene.said().includes(`told [Errno 122] ${cause}`), scene.said());
    const events = await until(() => {
      const ended = scene.events().filter(({ ended_by }) => ended_by === 'quota');
      return ended.length === 2 ? ended : undefined;
    });
    assert.ok(Math.max(...events.map(({ sent_bytes }) => Number(sent_bytes))) >= MIB - CHUNK);
    await until(
      () => scene.events().filter(({ reason }) => reason === 'quota_exceeded').length === 2 || undefined,
    );
    assert.deepEqual(await scene.explain(), { decision: 'deny', reason: 'quota_exceeded' });
    assert.equal(await scene.metric('connections_ended_total', ',cause="quota"'), 2);
    assert.equal(await scene.metric('limit_rejections_total', ',limit="sent"'), 2);
    assert.equal(await scene.metric('limit_rejections_total', ',limit="received"'), 0);
  });

  // proves: quota: open connections end when it is used up
  // proves: quota: a plugin that has used it up gets no connection
  test(`past received_mib the connections end, and a further one is refused (${user})`, async (t) => {
    const program = `
s = dial()
try:
    while s.recv(1 << 16): pass
except OSError: pass
say(dial(), dial("channel"))
sys.stdin.readline()`;
    const scene = await startScene(t, user, ['received_mib=1'], program, sendSlowly);
    await until(() => scene.said().includes('EDQUOT EDQUOT') || undefined, 30_000);
    assert.equal(await scene.listener.allConnections(), 1, 'what was refused was not dialled');
    const [peer] = scene.peers;
    await until(() => peer?.closedAt);
    const ended = await until(() => scene.events().find(({ ended_by }) => ended_by === 'quota'));
    const got = Number(ended['received_bytes']);
    assert.ok(got >= MIB - CHUNK && got - MIB <= MOST_OVER, `${got} bytes`);
  });

  // proves: quota: connections that have ended count
  test(`connections that have ended count too, and what a closed one still had to send (${user})`, async (t) => {
    const program = `
sizes = [100_000, 200_000, 300_000, 400_000, 48_575]
for size in sizes:
    s = dial()
    s.sendall(b"x" * size)
    s.close()
time.sleep(0.5)
s = dial()
say(isinstance(s, socket.socket))
s.sendall(b"x")
s.close()
while dial() != "EDQUOT":
    time.sleep(0.1)
say("refused")
sys.stdin.readline()`;
    const scene = await startScene(t, user, ['sent_mib=1'], program);
    await until(() => scene.said().includes('refused') || undefined, 30_000);
    // One byte less than the quota permits another connection, and its byte is the last.
    assert.match(scene.said(), /^True$/m);
    await until(() => scene.received() >= MIB || undefined);
    assert.equal(scene.received(), MIB);
  });

  // proves: quota: a connection that is over counts before its program closes it
  test(`a connection that is over counts though its program keeps the socket (${user})`, async (t) => {
    const program = `
held = []
while isinstance(s := dial(), socket.socket):
    held.append(s)
    s.sendall(b"x" * ${OVER_BYTES})
    if len(held) % 2: s.shutdown(socket.SHUT_WR)
    try:
        while s.recv(1): pass
    except OSError: pass
    sys.stdin.readline()
say("refused", len(held))
sys.stdin.readline()`;
    let made = 0;
    const scene = await startScene(t, user, ['sent_mib=1'], program, (socket) => {
      made += 1;
      if (made % 2 === 1) return;
      let received = 0;
      socket.on('data', ({ length }) => {
        received += length;
        if (received === OVER_BYTES) socket.resetAndDestroy();
      });
    });
    for (let count = 1; count <= 4; count += 1) {
      const closed = await until(() => {
        const lines = scene.events().filter(({ event }) => event === 'closed');
        return lines.length === count ? lines : undefined;
      }, 20_000);
      const { sent_bytes, ended_by } = closed.at(-1) ?? {};
      assert.deepEqual([sent_bytes, ended_by], [OVER_BYTES, 'closed']);
      scene.tell();
    }
    await until(() => scene.said().includes('refused 4') || undefined);
    assert.equal(await scene.listener.allConnections(), 4);
  });

  // proves: quota: what a socket has still to send counts
  test(`what waits in open sockets counts, since a program can close them all at once (${user})`, async (t) => {
    const program = `
held = [dial() for _ in range(4)]
for s in held:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    s.setblocking(False)
    try:
        while True: s.send(b"x" * 65_536)
    except OSError: pass
while dial() != "EDQUOT":
    time.sleep(0.1)
# What the program closes itself before the broker has come to it ends otherwise.
over = select.poll()
for s in held:
    over.register(s, 0)
    over.poll()
    over.unregister(s)
say("refused")
sys.stdin.readline()`;
    const scene = await startScene(t, user, ['sent_mib=1'], program, (socket) => socket.pause());
    await until(() => scene.said().includes('refused') || undefined, 30_000);
    await until(
      () => scene.events().filter(({ ended_by }) => ended_by === 'quota').length === 4 || undefined,
    );
    assert.ok(scene.received() < MIB, `${scene.received()} bytes`);
  });

  // proves: quota: the sums outlive the broker
  test(`the sum goes on when the broker dies, with connections that have ended and those that are open (${user})`, async (t) => {
    const program = `${SEND}
s = dial()
s.sendall(b"x" * 400_000)
s.close()
kept = dial()
kept.sendall(b"x" * 400_000)
say("sent")
sys.stdin.readline()
send(kept)
while dial() != "EDQUOT":
    time.sleep(0.2)
say("refused")
sys.stdin.readline()`;
    const scene = await startScene(t, user, ['sent_mib=1'], program);
    await until(() => (scene.said().includes('sent') && scene.received() === 800_000) || undefined, 30_000);
    await until(() => scene.events().some(({ event }) => event === 'closed') || undefined);
    const broker = await scene.broker();
    // The next broker goes by what this one saw of the open connection, and by what it looks at itself.
    process.kill(broker, 'SIGKILL');
    await until(async () => ((await scene.broker()) !== broker ? true : undefined), 30_000);
    // It has a pid before it serves.
    await until(
      async () => !Number.isNaN(await scene.metric('limit_rejections_total', ',limit="sent"')) || undefined,
      30_000,
    );
    scene.tell();
    await until(() => scene.said().includes('refused') || undefined, 30_000);
    const over = scene.received() - MIB;
    assert.ok(over >= -CHUNK && over <= MOST_OVER, `${over} bytes more than the quota`);
  });

  test(`another start of the plugin does not begin anew, and a raised limit goes on from there (${user})`, async (t) => {
    const listener = await listen();
    t.after(() => listener.close());
    const folder = readableFolder();
    const write = (sent_mib: number): void => {
      const command = ['/usr/bin/python3', '-c', RESTARTED, String(listener.port)];
      const restart = { policy: 'always', delay_ms: 10, max_delay_ms: 10 };
      const plugin = { command, restart, allow: [`127.0.0.1:${listener.port}`], limits: { sent_mib } };
      writeFileSync(join(folder, 'next'), JSON.stringify({ plugins: { agent: plugin } }));
      renameSync(join(folder, 'next'), join(folder, 'postern.yaml'));
    };
    write(1);
    const { child, said } = startPostern(['up'], { as: user, cwd: folder });
    t.after(() => child.kill('SIGKILL'));
    await until(() => said().includes('refused 122') || undefined, 30_000);
    // Three starts sent 270,000 bytes each, and the fourth one used up the rest, or nearly.
    assert.equal(await listener.allConnections(), 4);
    const before = said().length;
    write(2);
    child.kill('SIGHUP');
    await until(() => listener.connections() > 4 || undefined, 30_000);
    await until(() => said().slice(before).includes('refused 122') || undefined, 30_000);
    assert.equal(await listener.allConnections(), 8);
  });

  test(`without such a limit no connection is ended (${user})`, async (t) => {
    const program = `
s = dial()
s.sendall(b"x" * ${2 * MIB})
more = dial()
say(isinstance(more, socket.socket))
sys.stdin.readline()`;
    const scene = await startScene(t, user, [], program);
    await until(() => scene.said().includes('True') || undefined, 30_000);
    await setTimeout(500);
    await until(() => scene.received() >= 2 * MIB || undefined);
    assert.equal(scene.received(), 2 * MIB);
    assert.deepEqual(
      scene.peers.map(({ closedAt }) => closedAt),
      [undefined, undefined],
    );
  });
}
