// proves: G6
// proves: G7
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { after, before, test } from 'node:test';
import { CONNECT_TIMEOUT_MS, DNS_QUESTIONS, DNS_TIMEOUT_MS } from '../../shared/limits.js';
import { type Listener, listen } from '../harness/listener.js';
import { type NameServer, startNameServer } from './name-server.js';
import { startBroker, type TestBroker } from './start-broker.js';
import { openSocket } from './use-socket.js';

/** More names without an answer than one plugin may ask for at once. */
const MANY = 500;
const TRIES = 3;
const MUTE = Object.fromEntries(
  Array.from({ length: TRIES * MANY }, (_, index) => [`n${index}.mute.test A`, null] as const).flatMap(
    ([key]) => [
      [key, null],
      [`${key}AAA`, null],
    ],
  ),
);

let broker: TestBroker;
let dns: NameServer;
let server: Listener;

before(async () => {
  dns = await startNameServer({
    'loop.test A': ['127.0.0.1'],
    'loop.test AAAA': [],
    'mixed.test A': ['10.1.2.3', '127.0.0.1'],
    'mixed.test AAAA': [],
    'mute.test A': null,
    'mute.test AAAA': null,
    ...MUTE,
    'broken.test A': 'SERVFAIL',
    'broken.test AAAA': 'SERVFAIL',
  });
  broker = await startBroker({ dnsServers: [dns.address] });
  server = await listen();
});
after(async () => {
  await broker.stop();
  dns.close();
  await server.close();
});

test('a name that no rule allows is refused, and neither DNS server nor listener hears of it', async () => {
  await broker.plugin('names', { allow: ['other.test:*'], deny: ['denied.test'] });
  const channel = await broker.channel('names');
  const refused = await channel.refusal('loop.test', server.port);
  assert.equal(refused.errno, 'EACCES');
  assert.equal(refused.reason, 'no_rule');
  assert.equal(refused.suggestion, `loop.test:${server.port}`);
  assert.equal((await channel.refusal('denied.test', 443)).reason, 'denied_by_rule');
  assert.deepEqual(dns.questions, []);
  assert.equal(await server.allConnections(), 0);
  const series = 'postern_decisions_total{plugin="names",decision="deny",reason="no_rule"}';
  assert.equal(await broker.metric(series), 1);
  const event = broker.events.find(({ plugin }) => plugin === 'names') ?? {};
  assert.equal(event['decision'], 'deny');
  assert.equal(event['suggestion'], `loop.test:${server.port}`);
  assert.match(String(event['message']), /no rule allows "loop\.test"/);
});

test('a name whose address is special is refused, and the refusal does not name the address', async () => {
  await broker.plugin('special', { allow: ['loop.test:*'] });
  const channel = await broker.channel('special');
  const refused = await channel.refusal('loop.test', server.port);
  assert.equal(refused.errno, 'EACCES');
  assert.equal(refused.reason, 'address_refused');
  assert.doesNotMatch(JSON.stringify(refused), /127\./);
  assert.equal(await server.allConnections(), 0);
  await broker.until(() => broker.events.some(({ reason }) => reason === 'address_special'));
  const event = broker.events.find(({ reason }) => reason === 'address_special') ?? {};
  assert.deepEqual(event['addresses_dropped'], ['127.0.0.1']);
  assert.ok((await broker.metric('postern_dns_addresses_dropped_total{class="loopback"}')) >= 1);
});

test('of a name with several addresses only those that a rule opens are dialled', async () => {
  await broker.plugin('mixed', { allow: ['mixed.test:*', '127.0.0.1:*'] });
  const channel = await broker.channel('mixed');
  const { descriptor } = await channel.connect('mixed.test', server.port);
  openSocket(descriptor).destroy();
  await broker.until(() => broker.events.some(({ plugin }) => plugin === 'mixed'));
  const event = broker.events.find(({ plugin }) => plugin === 'mixed') ?? {};
  assert.deepEqual(event['addresses_considered'], ['10.1.2.3', '127.0.0.1']);
  assert.deepEqual(event['addresses_dropped'], ['10.1.2.3']);
  assert.equal(event['dialed'], '127.0.0.1');
  assert.equal(typeof event['dns_ms'], 'number');
});

test("this host's own addresses are closed to a rule for their block", async (context) => {
  const own = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4');
  if (own === undefined) return context.skip('This host has no IPv4 address but loopback');
  const everywhere = await listen(undefined, '0.0.0.0');
  await broker.plugin('own', { allow: ['0.0.0.0/0:*', '@private:*'] });
  const channel = await broker.channel('own');
  assert.equal((await channel.refusal(own.address, everywhere.port)).reason, 'address_refused');
  assert.equal(await everywhere.allConnections(), 0);
  await broker.plugin('own', { allow: [`${own.address}:*`] });
  const { descriptor } = await channel.connect(own.address, everywhere.port);
  openSocket(descriptor).destroy();
  await everywhere.close();
});

test('a name that does not exist is ENOTFOUND, a failed server EAI_AGAIN, both dns_error', async () => {
  await broker.plugin('dns', { allow: ['*.test:*'] });
  const channel = await broker.channel('dns');
  const gone = await channel.refusal('gone.test', 443);
  assert.deepEqual([gone.errno, gone.reason], ['ENOTFOUND', 'dns_error']);
  const broken = await channel.refusal('broken.test', 443);
  assert.deepEqual([broken.errno, broken.reason], ['EAI_AGAIN', 'dns_error']);
  assert.equal(
    await broker.metric('postern_decisions_total{plugin="dns",decision="deny",reason="dns_error"}'),
    2,
  );
  assert.ok((await broker.metric('postern_dns_lookups_total{result="nxdomain"}')) >= 1);
});

test('a DNS server that never answers is EAI_AGAIN within the limit, or within the shorter time asked for', async () => {
  await broker.plugin('mute', { allow: ['mute.test:*'] });
  const channel = await broker.channel('mute');
  const [whole, short] = [channel.refusal('mute.test', 443), channel.refusal('mute.test', 443, 200)];
  const start = Date.now();
  const first = await Promise.race([short.then(() => 'short'), whole.then(() => 'whole')]);
  assert.equal(first, 'short');
  const quick = await short;
  assert.deepEqual([quick.errno, quick.reason], ['EAI_AGAIN', 'dns_error']);
  const slow = await whole;
  assert.deepEqual([slow.errno, slow.reason], ['EAI_AGAIN', 'dns_error']);
  assert.ok(Date.now() - start < CONNECT_TIMEOUT_MS / 2, `took ${Date.now() - start} ms`);
  assert.ok((await broker.metric('postern_dns_lookups_total{result="timeout"}')) >= 1);
});

test('questions that no server answers are bounded, however soon their requests end', async () => {
  for (let first = 0; ; first += MANY) {
    const name = `flooder${first}`;
    await broker.plugin(name, { allow: ['**.mute.test:*'] });
    const channel = await broker.channel(name);
    const ends = new Map<string, number>();
    const start = performance.now();
    for (let at = first; at < first + MANY; at += 50) {
      const names = Array.from({ length: 50 }, (_, index) => `n${at + index}.mute.test`);
      for (const { errno, reason } of await Promise.all(names.map((host) => channel.refusal(host, 443, 1)))) {
        ends.set(`${errno} ${reason}`, (ends.get(`${errno} ${reason}`) ?? 0) + 1);
      }
    }
    // On a busy machine the first questions may have ended before the last ones.
    const isLate = performance.now() - start > DNS_TIMEOUT_MS;
    if (isLate && first + MANY < TRIES * MANY) continue;
    assert.equal(ends.get('EAGAIN rate_limited'), MANY - DNS_QUESTIONS, [...ends].join(' '));
    const series = `postern_limit_rejections_total{plugin="${name}",limit="dns_rate"}`;
    assert.equal(await broker.metric(series), MANY - DNS_QUESTIONS);
    return;
  }
});

test('an odd host or port is a refusal, not a protocol error', async () => {
  await broker.plugin('odd', { allow: ['**.test'] });
  const channel = await broker.channel('odd');
  assert.equal((await channel.refusal('a b', 443)).reason, 'malformed_host');
  assert.equal((await channel.refusal('2130706433', 443)).reason, 'malformed_host');
  assert.equal((await channel.refusal('a.test', 0)).reason, 'invalid_port');
  assert.equal((await channel.refusal('a.test', 70_000)).reason, 'invalid_port');
  assert.equal((await channel.refusal('a.test', 80)).reason, 'port_not_allowed');
});

test('a plugin without rules in force is refused everything', async () => {
  const channel = await broker.channel('unconfigured');
  const refused = await channel.refusal('127.0.0.1', server.port);
  assert.deepEqual([refused.errno, refused.reason], ['EACCES', 'policy_unavailable']);
});

test('audit mode connects and says would_deny, but special addresses stay closed', async () => {
  await broker.plugin('watched', { mode: 'audit', allow: ['127.0.0.1:*'] });
  const channel = await broker.channel('watched');
  const { descriptor } = await channel.connect('loop.test', server.port);
  openSocket(descriptor).destroy();
  assert.equal((await channel.refusal('169.254.169.254', 80)).reason, 'address_refused');
  const series = 'postern_decisions_total{plugin="watched",decision="would_deny",reason="no_rule"}';
  assert.equal(await broker.metric(series), 1);
  const event = broker.events.find(({ decision }) => decision === 'would_deny') ?? {};
  assert.equal(event['outcome'], 'connected');
  assert.equal(event['suggestion'], `loop.test:${server.port}`);
});

test('explain answers as connect would, and no listener hears a connect', async () => {
  await broker.plugin('asker', { allow: ['loop.test:*', '127.0.0.1:*'] });
  const channel = await broker.channel('asker');
  const before = server.connections();
  channel.send({ op: 'explain', id: 1, host: 'loop.test', port: server.port });
  assert.deepEqual((await channel.answer(1)).reply, { id: 1, ok: true, decision: 'allow', reason: 'rule' });
  channel.send({ op: 'explain', id: 2, host: 'no.test', port: 443 });
  const { reply } = await channel.answer(2);
  assert.ok('errno' in reply);
  assert.deepEqual([reply.errno, reply.reason, reply.suggestion], ['EACCES', 'no_rule', 'no.test:443']);
  assert.equal(await server.allConnections(), before);
  assert.equal(
    await broker.metric('postern_decisions_total{plugin="asker",decision="allow",reason="rule"}'),
    0,
  );
  assert.ok(broker.events.some(({ event, plugin }) => event === 'explain' && plugin === 'asker'));
});
