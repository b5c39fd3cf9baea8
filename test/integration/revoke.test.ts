import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startNameServer } from '../broker/name-server.js';
import { anyUser, userInTurn } from '../harness/asked.js';
import { type Listener, listen } from '../harness/listener.js';
import { brokerOf } from '../harness/processes.js';
import { startProxy } from '../harness/test-proxy.js';
import { until } from '../harness/until.js';
import { readableFolder, type User } from '../harness/users.js';
import { DIALS_ON, HOLDERS, QUEUES, startTalker, type Talker } from './talker.js';

const DIAL = `
def dial(port):
    return socket.create_connection(("127.0.0.1", int(port)))
`;
/** Its queue is full, until a line comes. Then it says which of those that it accepts send anything. */
const FULL_PEER = `
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0), backlog=0)
address = server.getsockname()
fill = []
while True:
    one = socket.socket()
    one.settimeout(1)
    fill.append(one)
    try:
        one.connect(address)
    except OSError:
        break
fill.pop().close()
print("full", address[1], flush=True)
sys.stdin.readline()
def read(s):
    if s.recv(1):
        print("got", flush=True)
while True:
    accepted = server.accept()[0]
    print("accepted", flush=True)
    threading.Thread(target=read, args=(accepted,), daemon=True).start()
`;
const CONNECTS_WITHOUT_WAITING = `
s = socket.socket()
s.setblocking(False)
s.connect_ex(("127.0.0.1", int(lost)))
print("under way", flush=True)
import select
select.select([], [s], [])
talk(s, "lost")
`;
const BY_CHANNEL = 'go_on(Channel.from_environment().connect("127.0.0.1", int(lost)), "lost")';

interface Scene extends Talker {
  readonly kept: Listener;
  readonly lost: Listener;
  /** Bytes so far of the connections to the first port. */
  readonly carried: () => number;
  /** Connections to the second port that the peer still has. */
  readonly open: () => number;
  /** Withdraws the rule for the second port. */
  readonly withdraw: (revoke?: string) => void;
}

async function startScene(t: TestContext, user: User, program: string): Promise<Scene> {
  let carried = 0;
  const open = new Set<Socket>();
  const kept = await listen((socket) =>
    socket.on('data', (bytes) => {
      carried += bytes.length;
      socket.write(bytes);
    }),
  );
  const lost = await listen((socket) => {
    open.add(socket);
    socket.on('data', (bytes) => socket.write(bytes)).on('close', () => open.delete(socket));
  });
  t.after(() => Promise.all([kept.close(), lost.close()]));
  const allow = [kept, lost].map(({ port }) => `127.0.0.1:${port}`);
  const talker = startTalker(t, {
    ...{ user, folder: readableFolder(), dial: DIAL, program },
    places: [String(kept.port), String(lost.port)],
    rules: { allow },
  });
  await until(() => (open.size > 0 && carried > 0) || undefined, 20_000);
  return {
    ...{ ...talker, kept, lost },
    carried: () => carried,
    open: () => open.size,
    withdraw: (revoke) => talker.change({ allow: allow.slice(0, 1), revoke }),
  };
}

/** The peer has the connection before the program does. */
async function programHas({ lost }: Scene): Promise<void> {
  await until(() => lost.heard() !== '' || undefined, 20_000);
}

for (const [turn, [who, program]] of Object.entries({
  ...HOLDERS,
  'the program, by the channel': BY_CHANNEL,
}).entries()) {
  for (const user of userInTurn(turn)) {
    // proves: new rules decide again on open connections
    // proves: every process of the sandbox is looked at
    test(`a withdrawn rule ends the connection that ${who} holds, and no other (${user})`, async (t) => {
      const scene = await startScene(t, user, program);
      await programHas(scene);
      scene.withdraw();
      await until(() => (scene.said().includes('lost ended') && scene.open() === 0) || undefined);
      await until(() => scene.revoked().length === 1 || undefined);
      const [event] = scene.revoked();
      assert.equal(event?.['port'], scene.lost.port);
      assert.ok(Number(event['sent_bytes']) > 0 && Number(event['received_bytes']) > 0);
      const before = scene.carried();
      await until(() => scene.carried() > before + 10 || undefined);
      assert.ok(!scene.said().includes('kept ended'));
      assert.equal(await scene.kept.allConnections(), 1);
      assert.equal(await scene.lost.allConnections(), 1);
    });
  }
}

for (const user of anyUser) {
  test(`drain: a withdrawn rule refuses new connections, and lets those that are open go on (${user})`, async (t) => {
    const scene = await startScene(t, user, DIALS_ON);
    await programHas(scene);
    scene.withdraw('drain');
    // Without a rule for it, the address is the sandbox's own.
    await until(() => scene.said().includes('refused 111') || undefined);
    const made = scene.lost.connections();
    const heard = scene.lost.heard().length;
    await until(() => scene.lost.heard().length > heard + 20 || undefined);
    assert.deepEqual(scene.revoked(), []);
    assert.equal(await scene.lost.allConnections(), made);
  });

  // proves: what no process holds ends with its plugin
  test(`a connection that waits in a message, and no process holds, ends with its plugin (${user})`, async (t) => {
    const scene = await startScene(t, user, QUEUES);
    await until(() => scene.said().includes('queued') || undefined);
    scene.withdraw();
    await until(() => scene.open() === 0 || undefined);
    await until(() => /no process holds it: the plugin is ended/.test(scene.said()) || undefined);
    await until(() => /talker: ended with signal 9/.test(scene.said()) || undefined);
  });

  // proves: a connect under way that the plugin has ends with its rule
  test(`a withdrawn rule ends a non-blocking connect whose peer has not answered (${user})`, async (t) => {
    const peer = spawn('/usr/bin/python3', ['-c', FULL_PEER], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => peer.kill('SIGKILL'));
    let heard = '';
    peer.stdout.on('data', (text: Buffer) => {
      heard += text.toString();
    });
    const port = Number(await until(() => /full (\d+)\n/.exec(heard)?.[1]));
    const kept = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
    t.after(() => kept.close());
    const allow = [kept.port, port].map((one) => `127.0.0.1:${one}`);
    const talker = startTalker(t, {
      ...{ user, folder: readableFolder(), dial: DIAL, program: CONNECTS_WITHOUT_WAITING },
      places: [String(kept.port), String(port)],
      rules: { allow },
    });
    await until(() => talker.said().includes('under way') || undefined);
    talker.change({ allow: allow.slice(0, 1) });
    await until(() => talker.said().includes('lost ended') || undefined);
    // From now on the peer answers all that still waits for it.
    peer.stdin.write('\n');
    await until(() => heard.includes('accepted') || undefined);
    assert.ok(!heard.includes('got'), heard);
  });

  // proves: revoke: a further broker decides again
  test(`a rule that is withdrawn while no broker runs ends its connections once one does (${user})`, async (t) => {
    const scene = await startScene(t, user, 'go_on(dial(lost), "lost")');
    // What a dying broker has not answered is aborted.
    await programHas(scene);
    // Each time a further broker comes later. So the last one comes after the rule has gone.
    for (let kills = 0; kills < 5; kills += 1)
      process.kill(await until(() => brokerOf(scene.pid)), 'SIGKILL');
    scene.withdraw();
    await until(() => (scene.said().includes('lost ended') && scene.open() === 0) || undefined, 20_000);
    const before = scene.carried();
    await until(() => scene.carried() > before + 10 || undefined);
    assert.ok(!scene.said().includes('kept ended'));
  });
}

const DIAL_BY_CHANNEL = `
channel = Channel.from_environment()
def dial(name):
    return channel.connect(name, 443)
`;
// Their texts together are longer than what is kept of a connection, which the next rules are decided by.
const MANY = Array.from({ length: 30 }, (_, n) => `2606:4700:1111:2222:3333:4444:5555:${7_000 + n}`);
test('a withdrawn rule ends its connection through a proxy, and none to a name with many addresses', async (t) => {
  const dns = await startNameServer({ 'many.test AAAA': MANY, 'lost.test AAAA': ['2606:4700:1111::1'] });
  const peer = await listen((socket) => socket.on('data', (bytes) => socket.write(bytes)));
  const proxy = await startProxy({ kind: 'http', to: peer.port });
  t.after(() => Promise.all([dns.close(), proxy.close(), peer.close()]));
  const via = { proxy: `http://127.0.0.1:${proxy.port}`, resolve: 'both', resolvers: [dns.address] };
  const allow = ['many.test', 'lost.test'];
  const talker = startTalker(t, {
    ...{
      user: 'user',
      folder: readableFolder(),
      dial: DIAL_BY_CHANNEL,
      program: 'go_on(dial(lost), "lost")',
    },
    places: ['many.test', 'lost.test'],
    rules: { allow },
    settings: { via },
  });
  await until(() => proxy.asked.length === 2 || undefined, 20_000);
  talker.change({ allow: allow.slice(0, 1) });
  await until(() => talker.said().includes('lost ended') || undefined);
  await until(() => talker.revoked().length > 0 || undefined);
  assert.deepEqual(
    talker.revoked().map(({ host }) => host),
    ['lost.test'],
  );
  assert.ok(!talker.said().includes('kept ended'));
  assert.deepEqual(proxy.asked, ['many.test:443', 'lost.test:443']);
});
