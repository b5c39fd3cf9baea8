// A proxy that the operator names, by the channel: what it is asked for, what the plugin gets, and what it never gets.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import type { ViaLine } from '../../../shared/config/via-config.js';
import { freePort } from '../../harness/free-port.js';
import { listen } from '../../harness/listener.js';
import { PATIENCE } from '../../harness/patience.js';
import { FAR, proxyScene, SECRET } from '../../harness/proxy-scene.js';
import { startNameServer } from '../name-server.js';
import { startBroker, type TestBroker } from '../start-broker.js';
import type { TestChannel } from '../test-channel.js';
import { openSocket, readUntilEnd } from '../use-socket.js';

const ALLOW = ['far.test:*', `${FAR}:*`, '127.0.0.1:*', 'localhost:*', 'inner.test:*'];

const scene = await proxyScene({
  'far.test A': [FAR],
  'inner.test A': ['10.1.2.3'],
  'proxy.test A': ['127.0.0.1'],
});
const { withProxy } = scene;
let broker: TestBroker;
before(async () => {
  broker = await startBroker({ dnsServers: [scene.dns.address] });
});
after(() => broker.stop());

/** Enough to resolve a name. */
const DIAL_MS = 1_000 * PATIENCE;
let plugins = 0;
async function channelVia(
  proxy: Partial<NonNullable<ViaLine['proxy']>> & { readonly port: number },
  allow: readonly string[] = ALLOW,
  direct?: readonly string[],
): Promise<TestChannel> {
  plugins += 1;
  const name = `via-${plugins}`;
  const via = { proxy: { kind: 'http', host: '127.0.0.1', resolve: 'both', ...proxy }, direct } as const;
  await broker.plugin(name, { allow, via });
  return broker.channel(name);
}

async function say(channel: TestChannel, host: string, port: number, words: string): Promise<string> {
  const { reply, descriptor } = await channel.connect(host, port);
  assert.ok('ok' in reply && reply.ok, JSON.stringify(reply));
  const socket = openSocket(descriptor);
  socket.write(words);
  return readUntilEnd(socket);
}

const lastEvent = async (plugin: string): Promise<Readonly<Record<string, unknown>>> => {
  const found = (): unknown =>
    broker.events.findLast((event) => 'plugin' in event && event['plugin'] === plugin);
  await broker.until(() => found() !== undefined);
  return found() as Readonly<Record<string, unknown>>;
};

for (const kind of ['http', 'socks5'] as const) {
  test(`${kind}: a name goes to the proxy as a name, an address as an address`, () =>
    withProxy({ kind }, async (proxy) => {
      const channel = await channelVia({ kind, port: proxy.port });
      assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
      assert.equal(await say(channel, FAR, 8443, 'ping'), 'peer heard ping');
      assert.deepEqual(proxy.asked, ['far.test:443', `${FAR}:8443`]);
    }));

  test(`${kind}: with resolve: host, the proxy gets the address that was checked`, () =>
    withProxy({ kind }, async (proxy) => {
      const channel = await channelVia({ kind, port: proxy.port, resolve: 'host' });
      assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
      assert.deepEqual(proxy.asked, [`${FAR}:443`]);
    }));

  test(`${kind}: with resolve: proxy, nobody else resolves the name`, () =>
    withProxy({ kind }, async (proxy) => {
      const before = scene.dns.questions.length;
      const channel = await channelVia({ kind, port: proxy.port, resolve: 'proxy' }, ['no-dns.test:443']);
      assert.equal(await say(channel, 'no-dns.test', 443, 'ping'), 'peer heard ping');
      assert.equal((await channel.refusal('no-dns.test', 22)).reason, 'port_not_allowed');
      assert.deepEqual(proxy.asked, ['no-dns.test:443']);
      assert.equal(scene.dns.questions.length, before);
    }));

  // proves: bytes behind the answer of a proxy stay in the socket
  test(`${kind}: bytes right behind the proxy's answer reach the plugin`, () =>
    withProxy({ kind, surplus: 'SSH-2.0-peer\r\n' }, async (proxy) => {
      const channel = await channelVia({ kind, port: proxy.port });
      assert.equal(await say(channel, FAR, 22, 'ping'), 'SSH-2.0-peer\r\npeer heard ping');
    }));

  test(`${kind}: the proxy gets its credentials, and neither plugin nor log does`, () =>
    withProxy({ kind, credentials: SECRET }, async (proxy) => {
      const [user = '', password = ''] = SECRET.split(':');
      const channel = await channelVia({ kind, port: proxy.port, credentials: { user, password } });
      assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
      const wrong = await channelVia({
        kind,
        port: proxy.port,
        credentials: { user, password: 'other-word' },
      });
      const refusal = await wrong.refusal('far.test', 443);
      assert.equal(refusal.errno, 'EACCES');
      assert.match(String(refusal.message), /the proxy takes no such credentials/);
      await lastEvent(`via-${plugins}`);
      const told = JSON.stringify([refusal, broker.lines, await broker.metrics()]);
      assert.doesNotMatch(told, /s3cret-word|other-word|czNjcmV0|b3RoZXItd29yZA/);
    }));
}

test('the log names the proxy, its address and what it was asked for', () =>
  withProxy({}, async (proxy) => {
    const channel = await channelVia({ host: 'proxy.test', port: proxy.port });
    await say(channel, 'far.test', 443, 'ping');
    const { via, tunnel, dialed, outcome, host } = await lastEvent(`via-${plugins}`);
    assert.deepEqual(
      { via, tunnel, dialed, outcome, host },
      {
        via: `http://proxy.test:${proxy.port}`,
        tunnel: 'far.test:443',
        dialed: '127.0.0.1',
        outcome: 'connected',
        host: 'far.test',
      },
    );
  }));

test('rules judge the destination: the proxy hears nothing of what is refused', () =>
  withProxy({}, async (proxy) => {
    const channel = await channelVia({ port: proxy.port }, ['far.test:443', 'inner.test:443']);
    assert.equal((await channel.refusal('other.test', 443)).reason, 'no_rule');
    assert.equal((await channel.refusal('inner.test', 443)).reason, 'address_refused');
    assert.equal((await channel.refusal('far.test', 22)).reason, 'port_not_allowed');
    assert.equal((await channel.refusal('169.254.169.254', 80)).errno, 'EACCES');
    assert.equal(await proxy.allConnections(), 0);
  }));

// proves: the host's own addresses are not sent to a proxy
test("the host's own addresses are dialled without the proxy, which has others", () =>
  withProxy({}, async (proxy) => {
    const channel = await channelVia({ port: proxy.port });
    assert.equal(await say(channel, '127.0.0.1', scene.peer.port, 'ping'), 'peer heard ping');
    assert.equal(await say(channel, 'localhost', scene.peer.port, 'ping'), 'peer heard ping');
    assert.equal(await proxy.allConnections(), 0);
  }));

/** Whether anybody answers at the far address depends on the network of the test. */
async function dial(channel: TestChannel, host: string, port: number): Promise<void> {
  const { descriptor } = await channel.connect(host, port, DIAL_MS);
  descriptor?.close();
}

// proves: a name that goes around a proxy is resolved and checked here
test('what goes around the proxy is dialled here, checked as without a proxy', () =>
  withProxy({}, async (proxy) => {
    for (const [direct, resolve] of [
      [['*.test'], 'both'],
      [['*.test'], 'proxy'],
      [['203.0.113.0/24:*', '10.0.0.0/8'], 'host'],
    ] as const) {
      const channel = await channelVia({ port: proxy.port, resolve }, [...ALLOW, 'other.test:*'], direct);
      await dial(channel, 'far.test', 443);
      const { via, tunnel, dialed } = await lastEvent(`via-${plugins}`);
      assert.deepEqual({ via, tunnel, dialed }, { via: undefined, tunnel: undefined, dialed: FAR });
      assert.equal((await channel.refusal('inner.test', 443)).reason, 'address_refused');
      assert.equal(await proxy.allConnections(), 0);
    }
    const channel = await channelVia({ port: proxy.port }, ALLOW, ['far.test:22', '10.0.0.0/8']);
    assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
    assert.deepEqual(proxy.asked, ['far.test:443']);
  }));

test('what goes around the proxy changes while the plugin runs, and an invalid list changes nothing', () =>
  withProxy({}, async (proxy) => {
    const channel = await channelVia({ port: proxy.port });
    assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
    const name = `via-${plugins}`;
    const way = { kind: 'http', host: '127.0.0.1', port: proxy.port, resolve: 'both' } as const;
    await broker.plugin(name, { allow: ALLOW, via: { proxy: way, direct: [FAR] } });
    await dial(channel, 'far.test', 443);
    const answer = await broker.plugin(name, { via: { proxy: way, direct: ['far.test/path'] } });
    assert.equal(answer?.type, 'plugin_refused');
    await dial(channel, 'far.test', 443);
    assert.equal(await proxy.allConnections(), 1);
    await broker.plugin(name, { allow: ALLOW, via: { proxy: way } });
    assert.equal(await say(channel, 'far.test', 443, 'ping'), 'peer heard ping');
  }));

/** What a hostile proxy does, and what the plugin gets for it. */
const HOSTILE: Readonly<Record<string, readonly [errno: string, serve: (socket: Socket) => void]>> = {
  'closes at once': ['ECONNRESET', (socket) => socket.end()],
  'closes midway': ['ECONNRESET', (socket) => socket.end('HTTP/1.1 200 OK\r\nVia')],
  resets: ['ECONNRESET', (socket) => socket.on('data', () => socket.resetAndDestroy())],
  'speaks garbage': ['EPROTO', (socket) => socket.write(Buffer.alloc(64, 0xff).fill('\n', 60))],
  'sends headers without an end': [
    'EPROTO',
    (socket) => socket.write(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(8192)}`),
  ],
  'answers 502': ['EHOSTUNREACH', (socket) => socket.write('HTTP/1.1 502 Bad Gateway\r\n\r\n')],
  hangs: ['ETIMEDOUT', () => {}],
  'sends a byte now and then': [
    'ETIMEDOUT',
    (socket) => {
      const text = 'HTTP/1.1 200 OK\r\n\r\n';
      let at = 0;
      const timer = setInterval(() => socket.write(text[at++ % 10] ?? ''), 50);
      socket.on('close', () => clearInterval(timer));
    },
  ],
};
for (const [what, [errno, serve]] of Object.entries(HOSTILE))
  test(`a proxy that ${what}: ${errno}, and nothing stays open`, async () => {
    const proxy = await listen(serve);
    const channel = await channelVia({ port: proxy.port });
    const before = await broker.steadyDescriptors();
    const limit = errno === 'ETIMEDOUT' ? 400 * PATIENCE : 5_000;
    const refusal = await channel.refusal('far.test', 443, limit);
    assert.equal(refusal.errno, errno);
    assert.match(String(refusal.message), /^Cannot connect to "far\.test:443": the proxy /);
    const event = await lastEvent(`via-${plugins}`);
    assert.match(String(event['message']), /by "http:\/\/127\.0\.0\.1:\d+": the proxy /);
    await broker.untilNoMoreThan(before);
    await proxy.close();
  });

test('a proxy that nobody serves is told apart from a destination that refuses', async () => {
  const channel = await channelVia({ port: await freePort() });
  const refusal = await channel.refusal('far.test', 443);
  assert.equal(refusal.errno, 'EHOSTUNREACH');
  assert.equal(refusal.reason, 'unreachable');
  assert.match(String(refusal.message), /the proxy cannot be reached \(ECONNREFUSED\)/);
  const nameless = await channelVia({ host: 'no-proxy.test', port: 3128 });
  assert.match(String((await nameless.refusal('far.test', 443)).message), /has a name without an address/);
});

test("a plugin's own DNS servers answer for it, and for no other plugin", async () => {
  const own = await startNameServer({ 'far.test A': ['127.0.0.1'] });
  const via = { resolvers: [own.address] };
  await broker.plugin('own-dns', { allow: ALLOW, via });
  await broker.plugin('own-dns-too', { allow: ALLOW, via });
  await broker.plugin('no-own-dns', { allow: ALLOW });
  const channel = await broker.channel('own-dns');
  assert.equal(await say(channel, 'far.test', scene.peer.port, 'ping'), 'peer heard ping');
  const asked = own.questions.length;
  assert.equal(new Set(own.questions).size, 2, 'both families');
  assert.equal(
    await say(await broker.channel('own-dns-too'), 'far.test', scene.peer.port, 'ping'),
    'peer heard ping',
  );
  assert.equal(own.questions.length, asked, 'once for both plugins');
  const others = await broker.channel('no-own-dns');
  assert.notEqual((await others.refusal('far.test', scene.peer.port, DIAL_MS)).errno, 'EACCES');
  const event = await lastEvent('no-own-dns');
  assert.deepEqual(event['addresses_considered'], [FAR]);
  await broker.plugin('own-dns', { allow: ALLOW });
  assert.notEqual((await channel.refusal('far.test', scene.peer.port, DIAL_MS)).errno, 'EACCES');
  own.close();
});

test('a canceled request ends the handshake', async () => {
  const proxy = await listen(() => {});
  const channel = await channelVia({ port: proxy.port });
  const before = await broker.steadyDescriptors();
  const id = channel.nextId();
  channel.send({ op: 'connect', id, host: 'far.test', port: 443 });
  await broker.until(() => proxy.heard().includes('CONNECT far.test:443'));
  channel.send({ op: 'cancel', id });
  const { reply } = await channel.answer(id);
  assert.equal('errno' in reply && reply.errno, 'ECANCELED');
  await broker.untilNoMoreThan(before);
  await proxy.close();
});
