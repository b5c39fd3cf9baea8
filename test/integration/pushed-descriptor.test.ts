// A plugin sends its own files to the broker by its reply socket. Each attempt costs it that channel, and other plugins nothing.
// proves: G8
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { freePort } from '../harness/free-port.js';
import { listen } from '../harness/listener.js';
import { startPostern } from '../harness/postern.js';
import { brokerOf, descriptorsOf } from '../harness/processes.js';
import { PYTHON_CHANNEL } from '../harness/python-channel.js';
import { until } from '../harness/until.js';
import { readableFolder } from '../harness/users.js';

/** What the plugin sends. Each one goes by a new channel, and some are ends of that channel. */
const PUSHER = `
import array
first = Channel.from_environment()
port = int(sys.argv[1])

def another():
    first._send({"op": "open_channel", "id": 900})
    ends = [first._receive()[1] for _ in range(2)]
    return Channel(*ends)

memory = os.memfd_create("pushed")
os.truncate(memory, 1 << 20)
connection = first.connect("127.0.0.1", port)
pushed = {
    "pipe": lambda channel: os.pipe()[0],
    "memory": lambda channel: memory,
    "file": lambda channel: os.open("/tmp/pushed", os.O_RDWR | os.O_CREAT),
    "connection": lambda channel: connection.fileno(),
    "replies": lambda channel: channel._replies.fileno(),
    "requests": lambda channel: channel._requests,
}
print("ready", flush=True)
connection.recv(2)
for name, choose in pushed.items():
    channel = another()
    rights = array.array("i", [choose(channel)])
    sent = channel._replies.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    try:
        outcome = channel._receive()[0]
    except OSError as error:
        outcome = getattr(error, "name", None) or errno.errorcode[error.errno]
    print("pushed", name, sent, outcome, flush=True)
    channel.close()
print("served", first.explain("127.0.0.1", port)[0], flush=True)
connection.recv(2)
`;
const KINDS = ['pipe', 'memory', 'file', 'connection', 'replies', 'requests'];

for (const user of anyUser) {
  test(`a descriptor sent to the broker ends only its channel, is reported, and is kept by no process (${user})`, async () => {
    const callers: Socket[] = [];
    const peer = await listen((caller) => callers.push(caller));
    const page = `127.0.0.1:${await freePort()}`;
    const folder = readableFolder();
    const [config, audit] = [join(folder, 'postern.yaml'), join(folder, 'audit')];
    const command = ['/usr/bin/python3', '-c', PYTHON_CHANNEL + PUSHER, String(peer.port)];
    const pusher = { command, allow: [`127.0.0.1:${peer.port}`] };
    writeFileSync(config, JSON.stringify({ metrics: page, audit, plugins: { pusher } }));
    writeFileSync(audit, '');
    chmodSync(audit, 0o666);
    const { child, result, stdout: seen } = startPostern(['up', '--config', config], { as: user });
    const caller = await until(() => callers[0]);
    const broker = await until(() => brokerOf(child.pid ?? 0));
    await until(() => seen().includes('ready') || undefined);
    const before = descriptorsOf(broker);
    caller.write('go');
    await until(() => seen().includes('served') || undefined, 20_000).catch(() => assert.fail(seen()));
    for (const kind of KINDS) assert.match(seen(), new RegExp(`pushed ${kind} 1 (EPIPE|ECONNRESET)$`, 'm'));
    assert.match(seen(), /served allow/);
    await until(() => descriptorsOf(broker) <= before || undefined);
    const counts = await (await fetch(`http://${page}/metrics`)).text();
    const series = 'postern_protocol_errors_total{plugin="pusher",kind="unexpected_descriptor"}';
    assert.ok(counts.split('\n').includes(`${series} ${KINDS.length}`), counts);
    caller.write('go');
    const { status, stderr } = await result;
    assert.equal(status, 0, stderr);
    await peer.close();
    const events = readFileSync(audit, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const told = events.filter(({ event }) => event === 'protocol_error');
    assert.deepEqual(
      told.map(({ plugin, door, kind }) => [plugin, door, kind]),
      KINDS.map(() => ['pusher', 'channel', 'unexpected_descriptor']),
    );
  });
}
