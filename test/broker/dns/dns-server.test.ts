import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { promises } from 'node:dns';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { decode } from 'dns-packet';
import { gatewayAddress } from '../../../shared/gateway.js';
import {
  DNS_CONNECTIONS,
  DNS_IDLE_MS,
  DNS_QUESTIONS,
  LOGGED_NAMES,
  QUESTION_BURST_FACTOR,
} from '../../../shared/limits.js';
import { parseAddress } from '../../../shared/policy/address.js';
import { PATIENCE } from '../../harness/patience.js';
import { until } from '../../harness/until.js';
import { query } from '../dns-query.js';
import { type DnsServerOptions, startDnsServer, type TestDnsServer } from '../start-dns-server.js';

/** So few that a loaded machine asks more. */
const PER_SECOND = 20;
const BURST = QUESTION_BURST_FACTOR * PER_SECOND;

const ZONE = {
  'a.test A': ['192.31.196.1', '192.31.196.2'],
  'a.test AAAA': ['2001:4:112::1'],
  'four.test A': ['192.31.196.4'],
  'four.test AAAA': [],
  'inside.test A': ['10.1.2.3', '169.254.169.254'],
  'inside.test AAAA': [],
  'broken.test A': 'SERVFAIL',
  'broken.test AAAA': 'SERVFAIL',
  'many.test A': Array.from({ length: 32 }, (_, index) => `192.31.196.${index}`),
} as const;

interface Served extends TestDnsServer {
  readonly resolver: promises.Resolver;
}

async function serve(t: TestContext, options: DnsServerOptions): Promise<Served> {
  const served = await startDnsServer({ zone: ZONE, ...options });
  t.after(served.close);
  return Object.defineProperty(served, 'resolver', { get: () => resolverOf(served, 10_000) }) as Served;
}

/** It asks once: a question that comes again on a busy machine would count twice. A new one has no idea how quick the server is. */
function resolverOf({ port }: TestDnsServer, timeout: number): promises.Resolver {
  const resolver = new promises.Resolver({ timeout: timeout * PATIENCE, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}

const namesOf = ({ dns }: TestDnsServer, text: string): readonly string[] => {
  const address = parseAddress(text);
  return address === undefined ? [] : dns.grants.namesOf(address).fresh;
};

test('a name that a rule allows is answered, under its TTL, and what is answered is granted', async (t) => {
  const served = await serve(t, { allow: ['a.test:8443'] });
  const four = await served.resolver.resolve4('a.test', { ttl: true });
  assert.deepEqual(
    four.map(({ address }) => address),
    ['192.31.196.1', '192.31.196.2'],
  );
  assert.ok(four.every(({ ttl }) => ttl > 50 && ttl <= 60));
  assert.deepEqual(await served.resolver.resolve6('a.test'), ['2001:4:112::1']);
  for (const text of ['192.31.196.1', '192.31.196.2', '2001:4:112::1'])
    assert.deepEqual(namesOf(served, text), ['a.test']);
  assert.equal(await served.count('dns_questions_total{plugin="probe",answer="granted"}'), 2);
  assert.deepEqual(served.events, []);
});

// proves: no server is asked for a name without a rule
test('a name that no rule allows is NXDOMAIN, no server is asked for it, and the log says so once', async (t) => {
  const served = await serve(t, { allow: ['a.test'] });
  for (let times = 0; times < 3; times += 1) {
    await assert.rejects(served.resolver.resolve4('b.test'), { code: 'ENOTFOUND' });
    await assert.rejects(served.resolver.resolve6('b.test'), { code: 'ENOTFOUND' });
  }
  assert.deepEqual(served.server.questions, []);
  assert.equal(served.dns.grants.size, 0);
  assert.equal(await served.count('dns_questions_total{plugin="probe",answer="refused"}'), 6);
  const [event] = await until(() => (served.events.length > 0 ? served.events : undefined));
  assert.equal(served.events.length, 1);
  assert.equal(event?.['event'], 'question');
  const { plugin, name, type, decision, reason, questions, suggestion, message } = event ?? {};
  assert.deepEqual(
    [plugin, name, type, decision, reason, questions, suggestion],
    ['probe', 'b.test', 'A', 'deny', 'no_rule', 1, 'b.test'],
  );
  assert.equal(message, 'Cannot resolve "b.test": no rule allows it');
  served.dns.close();
  await until(() => (served.events.length === 2 ? true : undefined));
  assert.equal(served.events[1]?.['questions'], 5);
});

test('a name that a rule denies is NXDOMAIN, whatever allows it', async (t) => {
  const served = await serve(t, { allow: ['*'], deny: ['a.test'] });
  await assert.rejects(served.resolver.resolve4('a.test'), { code: 'ENOTFOUND' });
  assert.deepEqual(served.server.questions, []);
  const event = await until(() => served.events[0]);
  assert.deepEqual([event['reason'], event['rule']], ['denied_by_rule', 'a.test']);
});

// proves: addresses that no rule opens are not answered
test('addresses that no rule opens are neither answered nor granted', async (t) => {
  const served = await serve(t, { allow: ['inside.test', '10.1.2.3:5432'] });
  await assert.rejects(served.resolver.resolve4('inside.test'), { code: 'ENODATA' });
  assert.equal(served.dns.grants.size, 0);
  const event = await until(() => served.events[0]);
  assert.equal(event['reason'], 'address_special');
  assert.deepEqual(event['addresses_dropped'], ['10.1.2.3', '169.254.169.254']);
  assert.equal(await served.count('dns_addresses_dropped_total{class="metadata"}'), 1);
  served.rules({ allow: ['inside.test:*', '10.1.2.3:5432'] });
  assert.deepEqual(await served.resolver.resolve4('inside.test'), ['10.1.2.3']);
  assert.deepEqual(namesOf(served, '10.1.2.3'), ['inside.test']);
  assert.deepEqual(namesOf(served, '169.254.169.254'), []);
});

// proves: metrics: a refused name counts as a denial
test('a refused name is one denial with its reason, in the metrics as in the log', async (t) => {
  const served = await serve(t, { allow: ['a.test', 'inside.test'], deny: ['four.test'] });
  const denials = (reason: string): Promise<number> =>
    served.count(`decisions_total{plugin="probe",decision="deny",reason="${reason}"}`);
  const reasons = ['no_rule', 'denied_by_rule', 'address_special', 'malformed_host'];
  for (const reason of reasons) assert.equal(await denials(reason), 0, reason);
  await served.resolver.resolve4('a.test');
  for (const name of ['b.test', 'c.test', 'four.test', 'inside.test', 'a b.test'])
    for (let times = 0; times < 3; times += 1) await askDatagram(served, query(name, { edns: {} }));
  assert.deepEqual(await Promise.all(reasons.map(denials)), [2, 1, 1, 1]);
  served.rules({ mode: 'audit' });
  await askDatagram(served, query('six.test', { edns: {} }));
  assert.equal(await denials('no_rule'), 2, 'a name that is answered is no denial');
  for (let index = 0; index < LOGGED_NAMES; index += 1) {
    served.rules({ allow: [] });
    await askDatagram(served, query(`n${index}.test`, { edns: {} }));
  }
  served.dns.close();
  const lines = await until(() => (served.events.at(-1)?.['name'] === null ? served.events : undefined));
  const said = lines
    .filter(({ decision, repeated }) => decision === 'deny' && repeated === false)
    .reduce((sum, { questions }) => sum + Number(questions), 0);
  const counted = await Promise.all(reasons.map(denials));
  assert.equal(
    counted.reduce((sum, count) => sum + count),
    said,
  );
});

test('audit mode answers what no rule allows, and says that it would not', async (t) => {
  const served = await serve(t, { mode: 'audit', deny: ['four.test'] });
  assert.deepEqual(await served.resolver.resolve6('a.test'), ['2001:4:112::1']);
  assert.deepEqual(namesOf(served, '2001:4:112::1'), ['a.test']);
  const event = await until(() => served.events[0]);
  assert.deepEqual([event['decision'], event['reason'], event['mode']], ['would_deny', 'no_rule', 'audit']);
  // The connect is refused, with the rule for the address. No rule is suggested here, without a port.
  const [special = ''] = await served.resolver.resolve4('inside.test');
  assert.deepEqual(namesOf(served, special), ['inside.test']);
  await assert.rejects(served.resolver.resolve4('four.test'), { code: 'ENOTFOUND' }, 'denied stays denied');
});

test('no address of a family, no such name and a failing server get different answers', async (t) => {
  const served = await serve(t, { allow: ['four.test', 'gone.test', 'broken.test'] });
  await assert.rejects(served.resolver.resolve6('four.test'), { code: 'ENODATA' });
  await assert.rejects(served.resolver.resolve4('gone.test'), { code: 'ENOTFOUND' });
  await assert.rejects(served.resolver.resolve4('broken.test'), { code: 'ESERVFAIL' });
  assert.ok((await served.count('dns_questions_total{plugin="probe",answer="error"}')) >= 2);
  // The empty answer to the first one.
  assert.equal(await served.count('dns_questions_total{plugin="probe",answer="granted"}'), 1);
  assert.equal(await served.count('dns_lookups_total{result="nxdomain"}'), 1);
});

test('other types have no data for a name that is allowed, and no server is asked; ANY is not implemented', async (t) => {
  const served = await serve(t, { allow: ['a.test'] });
  await assert.rejects(served.resolver.resolveMx('a.test'), { code: 'ENODATA' });
  await assert.rejects(served.resolver.resolveTxt('a.test'), { code: 'ENODATA' });
  await assert.rejects(served.resolver.resolveSrv('a.test'), { code: 'ENODATA' });
  await assert.rejects(served.resolver.resolveMx('b.test'), { code: 'ENOTFOUND' });
  assert.equal(await served.count('dns_lookups_total{result="refused"}'), 1);
  const denials = 'decisions_total{plugin="probe",decision="deny",reason="record_type"}';
  await until(() => (served.events.length === 4 ? true : undefined));
  assert.equal(await served.count(denials), 4);
  const told = served.events.map(({ type, suggestion, message }) => `${type} ${suggestion}: ${message}`);
  assert.match(
    told[2] ?? '',
    /^SRV undefined: Cannot look up the SRV records of "a\.test": postern answers for/,
  );
  assert.match(told[3] ?? '', /^MX undefined: Cannot look up the MX records of "b\.test": /);
  assert.equal(decode(await askDatagram(served, query('a.test', { type: 65 }))).rcode, 'NOERROR');
  assert.equal(decode(await askDatagram(served, query('a.test', { type: 255 }))).rcode, 'NOTIMP');
  assert.deepEqual(served.server.questions, []);
});

test('the records that mongodb+srv and Kerberos ask for are refused with words, and without a rule that would not help', async (t) => {
  const served = await serve(t, { allow: ['**.a.test:*'] });
  const { resolver } = served;
  const names = ['_mongodb._tcp.a.test', '_kerberos._udp.a.test'];
  for (const name of names) await assert.rejects(resolver.resolveSrv(name), { code: 'ENODATA' });
  await assert.rejects(resolver.resolveTxt('_kerberos.a.test'), { code: 'ENODATA' });
  await until(() => served.events.length === 3 || undefined);
  for (const { reason, suggestion, message } of served.events) {
    assert.deepEqual([reason, suggestion], ['record_type', undefined]);
    assert.match(String(message), /name the program the host and port that these records lead to$/);
  }
  assert.deepEqual(served.server.questions, []);
});

test("localhost, and the sandbox's own name, are the sandbox's loopback; a reverse lookup finds no name", async (t) => {
  const served = await serve(t, { allow: ['a.test'] });
  for (const name of ['localhost', 'db.localhost', 'LocalHost', 'probe']) {
    assert.deepEqual(await served.resolver.resolve4(name), ['127.0.0.1'], name);
    assert.deepEqual(await served.resolver.resolve6(name), ['::1'], name);
  }
  for (const text of ['192.31.196.1', '2001:4:112::1'])
    await assert.rejects(served.resolver.reverse(text), { code: 'ENOTFOUND' });
  assert.equal(served.dns.grants.size, 0);
  assert.deepEqual(served.server.questions, []);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(served.events, []);
});

test("a rule for the sandbox's own name comes first", async (t) => {
  const served = await serve(t, { allow: ['probe:80'], zone: { 'probe A': ['192.31.196.8'] } });
  assert.deepEqual(await served.resolver.resolve4('probe'), ['192.31.196.8']);
  served.rules({ mode: 'audit' });
  assert.deepEqual(await served.resolver.resolve4('probe'), ['127.0.0.1']);
});

test('a text that is no host name is NXDOMAIN, and one line of the log', async (t) => {
  const served = await serve(t, { mode: 'audit' });
  for (const name of ['a b.test', '127.0.0.1', 'x.0x7f', '-a.test']) {
    const reply = decode(await askDatagram(served, query(name, { edns: {} })));
    assert.equal(reply.rcode, 'NXDOMAIN', name);
  }
  assert.deepEqual(served.server.questions, []);
  await until(() => served.events[0]);
  assert.equal(served.events.length, 1);
  assert.equal(served.events[0]?.['reason'], 'malformed_host');
});

test('without a policy no name gets an answer', async (t) => {
  const served = await serve(t, {});
  assert.equal(decode(await askDatagram(served, query('a.test'))).rcode, 'SERVFAIL');
  assert.deepEqual(served.server.questions, []);
});

test('the hosts file is honoured, and its addresses are judged like any others', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-dns-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, '192.31.196.7 db.test\n10.1.2.3 near.test\n');
  const served = await serve(t, { allow: ['db.test', 'near.test'], hosts });
  assert.deepEqual(await served.resolver.resolve4('db.test'), ['192.31.196.7']);
  await assert.rejects(served.resolver.resolve6('db.test'), { code: 'ENODATA' });
  await assert.rejects(served.resolver.resolve4('near.test'), { code: 'ENODATA' });
  assert.deepEqual(served.server.questions, []);
});

test('an answer too long for its datagram is truncated, and comes whole by TCP', async (t) => {
  const served = await serve(t, { allow: ['many.test'] });
  const cut = decode(await askDatagram(served, query('many.test')));
  assert.deepEqual([cut.flag_tc, cut.answers.length], [true, 0]);
  const stream = new Stream(connect(served.port, '127.0.0.1'));
  t.after(() => stream.end());
  stream.send(query('many.test'));
  assert.equal(decode(await stream.next()).answers.length, 32);
});

test('a connection takes many questions, cut anywhere, and answers them in their order', async (t) => {
  const served = await serve(t, {
    allow: ['a.test', 'slow.test'],
    zone: { ...ZONE, 'slow.test A': ['192.31.196.9'] },
    delays: { 'slow.test A': 60 },
  });
  const stream = new Stream(connect(served.port, '127.0.0.1'));
  t.after(() => stream.end());
  const messages = ['slow.test', 'a.test', 'b.test', 'a.test'].map((name, id) => framed(query(name, { id })));
  for (const byte of Buffer.concat(messages.slice(0, 2))) {
    stream.socket.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.socket.write(Buffer.concat(messages.slice(2)));
  for (const [id, rcode] of [
    [0, 'NOERROR'],
    [1, 'NOERROR'],
    [2, 'NXDOMAIN'],
    [3, 'NOERROR'],
  ] as const) {
    const reply = decode(await stream.next());
    assert.deepEqual([reply.id, reply.rcode], [id, rcode]);
  }
});

test('a connection that breaks the framing, or sends no query, is closed', async (t) => {
  const served = await serve(t, { allow: ['a.test'] });
  for (const bytes of [
    Buffer.from([0xff, 0xff]),
    framed(Buffer.alloc(4)),
    framed(query('a.test', { flags: 0x8180 })),
  ]) {
    const stream = new Stream(connect(served.port, '127.0.0.1'));
    stream.socket.write(bytes);
    const start = performance.now();
    await stream.ended();
    assert.ok(performance.now() - start < 0.9 * DNS_IDLE_MS);
  }
});

test('connections are bounded, an idle one is ended, and then the next one is served', async (t) => {
  const served = await serve(t, { allow: ['a.test'] });
  const before = readdirSync('/proc/self/fd').length;
  const streams = Array.from(
    { length: DNS_CONNECTIONS + 1 },
    () => new Stream(connect(served.port, '127.0.0.1')),
  );
  t.after(() => streams.map((stream) => stream.end()));
  await Promise.all(streams.map(({ socket }) => once(socket, 'connect')));
  const start = performance.now();
  for (const stream of streams) stream.send(query('a.test'));
  const last = streams.at(-1);
  const answers = streams.slice(0, -1).map((stream) => stream.next());
  await Promise.all(answers);
  assert.ok(performance.now() - start < DNS_IDLE_MS / 2);
  let waited = false;
  const late = last?.next().then(() => {
    waited = performance.now() - start > DNS_IDLE_MS / 2;
  });
  await Promise.all(streams.slice(0, -1).map((stream) => stream.ended()));
  await late;
  assert.ok(waited, 'the one too many was served while others were open');
  await last?.ended();
  await until(() => (readdirSync('/proc/self/fd').length <= before ? true : undefined));
});

// proves: trap: questions are bounded in a second
// proves: trap: a question past the rate waits for its share
test('each question past the rate waits for its answer, and the log says so once', async (t) => {
  const served = await serve(t, { allow: ['a.test'], perSecond: PER_SECOND });
  const flood = await Flood.begin(t, served);
  const start = performance.now();
  const sent = BURST + PER_SECOND / 2;
  await flood.send(sent);
  await until(() => flood.replies === sent || undefined);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(sent <= BURST + PER_SECOND * seconds, `${sent} replies in ${seconds} s`);
  assert.ok((await served.count('limit_rejections_total{plugin="probe",limit="dns_rate"}')) > 0);
  // None is left, so each of these waits. Nobody asks twice.
  for (let count = 0; count < 5; count += 1)
    assert.equal((await served.resolver.resolve4('a.test')).length, 2);
  await until(() => served.events.some(({ event }) => event === 'limited') || undefined);
  const limited = served.events.filter(({ event }) => event === 'limited');
  assert.deepEqual(
    limited.map(({ plugin, limit, message }) => [plugin, limit, message]),
    [
      [
        'probe',
        'questions_per_second',
        `Look-ups of names wait: more than ${PER_SECOND} questions within a second; to allow more: limits.questions_per_second`,
      ],
    ],
  );
});

// proves: trap: questions are bounded in a second
// proves: trap: a question past the rate waits for its share
test('a connection, and a question by it, wait past the rate too', async (t) => {
  const served = await serve(t, { allow: ['a.test'], perSecond: PER_SECOND });
  const stream = new Stream(connect(served.port, '127.0.0.1'));
  t.after(() => stream.end());
  const start = performance.now();
  const sent = BURST + PER_SECOND / 4;
  for (let id = 0; id < sent; id += 1) stream.send(query('b.test', { id }));
  for (let id = 0; id < sent; id += 1) assert.equal(decode(await stream.next()).id, id);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(sent + 1 <= BURST + PER_SECOND * seconds, `${sent} replies in ${seconds} s`);
  for (let count = 0; count < 3; count += 1) {
    const other = new Stream(connect(served.port, '127.0.0.1'));
    other.send(query('b.test'));
    assert.equal(decode(await other.next()).rcode, 'NXDOMAIN');
    other.end();
  }
  assert.ok((await served.count('limit_rejections_total{plugin="probe",limit="dns_rate"}')) > 0);
});

test("questions that wait delay no other plugin's", async (t) => {
  const flooded = await serve(t, { allow: ['a.test'], perSecond: PER_SECOND });
  const other = await serve(t, { allow: ['a.test'], perSecond: PER_SECOND });
  const flood = await Flood.begin(t, flooded);
  const sent = BURST + PER_SECOND;
  await flood.send(sent);
  await until(() => flood.replies >= BURST || undefined);
  assert.equal((await other.resolver.resolve4('a.test')).length, 2);
  assert.ok(flood.replies < sent, 'the other one had to wait');
});

test('questions that no server has answered are bounded; those past the bound are dropped and counted', async (t) => {
  const names = Array.from({ length: DNS_QUESTIONS + 20 }, (_, index) => `n${index}.test`);
  const zone = Object.fromEntries(names.map((name) => [`${name} A`, null]));
  const served = await serve(t, { allow: ['*.test'], zone });
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  for (const name of names) {
    socket.send(query(name), served.port, '127.0.0.1');
    await new Promise((resolve) => setImmediate(resolve));
  }
  const limited = 'limit_rejections_total{plugin="probe",limit="dns_rate"}';
  await until(async () => ((await served.count(limited)) === 20 ? true : undefined));
  assert.equal(served.plugin.questions.count, DNS_QUESTIONS);
  await until(() => (served.plugin.questions.count === 0 ? true : undefined));
});

test('a question for whose sockets the share has no room is dropped and counted, and asked when there is room', async (t) => {
  const zone = { 'black.test A': null, 'good.test A': ['192.31.196.9'] };
  // Half is for plugins. A question takes one and one for its server, and leaves as many.
  const served = await serve(t, { allow: ['*.test'], zone, descriptors: 2 * 4 });
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  socket.send(query('black.test'), served.port, '127.0.0.1');
  await until(() => (served.server.questions.length > 0 ? true : undefined));
  socket.send(query('good.test'), served.port, '127.0.0.1');
  const limited = 'limit_rejections_total{plugin="probe",limit="broker_descriptors"}';
  await until(async () => ((await served.count(limited)) === 1 ? true : undefined));
  assert.ok(!served.server.questions.includes('good.test A'));
  served.server.deny('black.test');
  await until(() => (served.plugin.descriptors.held === 0 ? true : undefined));
  assert.deepEqual(await served.resolver.resolve4('good.test'), ['192.31.196.9']);
});

test('closing the server closes its sockets and connections, and drops an answer on its way without an error', async (t) => {
  const before = readdirSync('/proc/self/fd').length;
  const served = await serve(t, {
    allow: ['slow.test'],
    zone: { 'slow.test A': ['192.31.196.9'] },
    delays: { 'slow.test A': 100 },
  });
  const stream = new Stream(connect(served.port, '127.0.0.1'));
  stream.send(query('slow.test'));
  const socket = createSocket('udp4');
  socket.send(query('slow.test'), served.port, '127.0.0.1');
  await until(() => (served.server.questions.length > 0 ? true : undefined));
  served.dns.close();
  await stream.ended();
  await until(() => (served.plugin.questions.count === 0 ? true : undefined));
  socket.close();
  served.close();
  await until(() => (readdirSync('/proc/self/fd').length <= before ? true : undefined));
});

function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

async function askDatagram({ port }: TestDnsServer, message: Buffer): Promise<Buffer> {
  const socket = createSocket('udp4');
  try {
    const reply = once(socket, 'message', { signal: AbortSignal.timeout(10_000 * PATIENCE) }) as Promise<
      [Buffer]
    >;
    socket.send(message, port, '127.0.0.1');
    return (await reply)[0];
  } finally {
    socket.close();
  }
}

/** Asks for a name that is refused. */
class Flood {
  readonly #socket = createSocket('udp4');
  replies = 0;

  static async begin(t: TestContext, { port }: TestDnsServer): Promise<Flood> {
    const flood = new Flood();
    const socket = flood.#socket;
    t.after(() => socket.close());
    socket.on('message', () => {
      flood.replies += 1;
    });
    await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', resolve));
    return flood;
  }

  async send(count: number): Promise<void> {
    for (let sent = 0; sent < count; sent += 1) {
      this.#socket.send(query('b.test'));
      // The kernel's buffer has room for about 270.
      if (sent % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }
}

/** A client of DNS over TCP. */
class Stream {
  readonly socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
    });
    socket.on('error', () => {});
  }

  send(message: Buffer): void {
    this.socket.write(framed(message));
  }

  next(): Promise<Buffer> {
    return until(() => {
      const length = this.#bytes.length < 2 ? Infinity : this.#bytes.readUInt16BE(0);
      if (this.#bytes.length < 2 + length) return undefined;
      const message = this.#bytes.subarray(2, 2 + length);
      this.#bytes = this.#bytes.subarray(2 + length);
      return message;
    }, 20_000);
  }

  ended(): Promise<true> {
    return until(() => (this.socket.closed ? true : undefined), 20_000);
  }

  end(): void {
    this.socket.destroy();
  }
}

// proves: full log: a question waits
test('a question waits while the audit log has no room, and its event is made once it has some', async (t) => {
  const served = await serve(t, { allow: ['a.test'], logRoom: false });
  const asked = [served.resolver.resolve4('a.test'), served.resolver.resolve4('refused.test')];
  const answered = Promise.allSettled(asked);
  await until(() => served.plugin.questions.count === 2 || undefined);
  assert.deepEqual([served.events, served.server.questions], [[], []], 'something was decided');
  served.services.audit.room.set(true);
  const [allowed, refused] = await answered;
  assert.deepEqual([allowed?.status, refused?.status], ['fulfilled', 'rejected']);
  await until(() => served.events.length > 0 || undefined);
  assert.deepEqual(
    served.events.map(({ name }) => name),
    ['refused.test'],
  );
  assert.equal(served.plugin.questions.count, 0);
});

// proves: gateway: DNS gives no other address of a host with a gateway
test('a host with a gateway has the address of the gateway alone, whatever the rules say, and no server is asked', async (t) => {
  for (const rules of [{ deny: ['a.test'] }, { allow: ['a.test'] }, { mode: 'audit' as const }]) {
    const served = await serve(t, { allow: ['four.test'], ...rules });
    served.plugin.gateways = new Map([['a.test', gatewayAddress(0)]]);
    for (const name of ['a.test', 'A.test'])
      assert.deepEqual(await served.resolver.resolve4(name), ['198.19.255.1']);
    await assert.rejects(served.resolver.resolve6('a.test'), { code: 'ENODATA' });
    await assert.rejects(served.resolver.resolveTxt('a.test'), { code: 'ENODATA' });
    assert.deepEqual(namesOf(served, '192.31.196.1'), []);
    assert.deepEqual(served.server.questions, []);
  }
});
