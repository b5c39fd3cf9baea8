// A broker with few descriptors: a plugin whose connects or names hang takes its share and no more, and a packet without its descriptors ends one
// session.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { openSync, readdirSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { type Listener, listen } from '../harness/listener.js';
import { until } from '../harness/until.js';
import { Ports } from '../interop/side-by-side.js';
import { type NameServer, startNameServer } from './name-server.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { Received, TestChannel } from './test-channel.js';

const LIMIT = 1024;
/** Root could raise the limit again. */
const WITHOUT_RAISING =
  process.geteuid?.() === 0
    ? ['setpriv', '--bounding-set', '-sys_resource', '--inh-caps', '-sys_resource']
    : [];
const NAMES = 200;
const BLACK = Object.fromEntries(
  Array.from({ length: NAMES }, (_, number) => `n${number}.black.example.com`).flatMap((name) => [
    [`${name} A`, null],
    [`${name} AAAA`, null],
  ]),
);
const limits = { concurrentRequests: 10_000, queuedRequests: 0 };

let ports: Ports;
let echo: Listener;
before(async () => {
  ports = await Ports.start();
  echo = await listen((socket) => socket.pipe(socket));
});
after(async () => {
  await ports.close();
  await echo.close();
});

async function start(t: TestContext, dnsServers: readonly string[] = []): Promise<TestBroker> {
  const broker = await startBroker(dnsServers.length === 0 ? {} : { dnsServers }, {
    under: [...WITHOUT_RAISING, 'prlimit', `--nofile=${LIMIT}:${LIMIT}`],
    stderr: openSync('/dev/null', 'w'),
  });
  t.after(async () => assert.equal(await broker.stop(), 0));
  return broker;
}

async function connects(channel: TestChannel): Promise<boolean> {
  const { reply, descriptor } = await channel.connect('127.0.0.1', echo.port);
  descriptor?.close();
  return 'ok' in reply && reply.ok;
}

// proves: a plugin takes its share of the broker's descriptors, and no more
test('connects that hang take a share of the descriptors, and a neighbour has its own', async (t) => {
  const broker = await start(t);
  await broker.plugin('hog', { allow: [`127.0.0.1:${ports.full}`], limits });
  await broker.plugin('beside', { allow: [`127.0.0.1:${echo.port}`] });
  const [hog, beside] = [await broker.channel('hog'), await broker.channel('beside')];
  const answers: Promise<Received>[] = [];
  for (let at = 0; at < LIMIT; at += 1) {
    answers.push(hog.connect('127.0.0.1', ports.full, 6_000));
    if (at % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const series = 'postern_limit_rejections_total{plugin="hog",limit="broker_descriptors"}';
  await until(async () => (await broker.metric(series)) > LIMIT / 2 || undefined);
  assert.ok(broker.descriptors() < LIMIT / 2);
  for (let at = 0; at < 64; at += 1) assert.ok(await connects(beside));
  const replies = (await Promise.all(answers)).map(({ reply }) => ('errno' in reply ? reply : undefined));
  const ofShare = replies.filter((reply) => reply?.errno === 'EAGAIN');
  // The broker may have read the last requests only now.
  const refused = await broker.metric(series);
  assert.equal(ofShare.length, refused);
  assert.ok(ofShare.every((reply) => reply?.reason === 'concurrency_limited'));
  assert.ok(LIMIT - refused > LIMIT / 8, 'the plugin itself gets its share');
  // Its connects are over, and so its share is free.
  const again = await hog.refusal('127.0.0.1', ports.full, 50);
  assert.equal(again.errno, 'ETIMEDOUT');
});

// proves: a plugin's share of descriptors holds the sockets that ask DNS for it
test('names that no DNS server answers for take a share of the descriptors, and a neighbour resolves its own', async (t) => {
  const servers: NameServer[] = [];
  for (let at = 0; at < 3; at += 1)
    servers.push(await startNameServer({ ...BLACK, 'good.example.org A': ['127.0.0.1'] }));
  t.after(() => {
    for (const server of servers) server.close();
  });
  const broker = await start(
    t,
    servers.map(({ address }) => address),
  );
  const before = broker.descriptors();
  await broker.plugin('hog', { allow: ['*.black.example.com'], limits });
  await broker.plugin('beside', { allow: ['good.example.org', `127.0.0.1:${echo.port}`] });
  const [hog, beside] = [await broker.channel('hog'), await broker.channel('beside')];
  const answers = Array.from({ length: NAMES }, (_, number) =>
    hog.connect(`n${number}.black.example.com`, 443, 4_000),
  );
  const replies = answers.map(async (answer) => (await answer).reply);
  const asked = (): number => new Set(servers.flatMap(({ questions }) => questions)).size;
  let most = 0;
  // Each server is asked for each name after a while, and that takes most.
  await broker.until(() => {
    most = Math.max(most, broker.descriptors() - before);
    return servers.every(({ questions }) => new Set(questions).size >= asked() && asked() > 0);
  });
  for (let at = 0; at < 64; at += 1) assert.ok(await connects(beside));
  assert.equal((await beside.refusal('good.example.org', 443)).reason, 'address_refused');
  most = Math.max(most, broker.descriptors() - before);
  // Half of what is left, and some channels.
  assert.ok(most < LIMIT / 4 + 32, `${most} descriptors`);
  const ofShare = (await Promise.all(replies)).filter(
    (reply) => 'errno' in reply && reply.errno === 'EAGAIN',
  );
  const refused = await broker.metric(
    'postern_limit_rejections_total{plugin="hog",limit="broker_descriptors"}',
  );
  assert.ok(refused > 0 && refused < NAMES, `${refused} refused`);
  assert.equal(ofShare.length, refused);
  assert.ok(ofShare.every((reply) => 'reason' in reply && reply.reason === 'concurrency_limited'));
});

// proves: a packet without its descriptors ends one session
test('a packet whose descriptors find no room ends its session, and no other', async (t) => {
  const broker = await start(t);
  await broker.plugin('beside', { allow: [`127.0.0.1:${echo.port}`] });
  const before = await broker.channel('beside');
  await broker.steadyDescriptors();
  const taken = new Set(readdirSync(`/proc/${broker.pid}/fd`).map(Number));
  const free = Array.from({ length: LIMIT }, (_, number) => number).filter((number) => !taken.has(number));
  const limit = (number: number): unknown =>
    spawnSync('prlimit', ['--pid', `${broker.pid}`, `--nofile=${number}:${LIMIT}`]);
  // One number is free below the limit, and the packet has two descriptors.
  limit(free[1] ?? 0);
  const cut = broker.attach({ type: 'channel', plugin: 'beside', session: 77, resumed: false });
  await broker.until(() => broker.ended(77));
  cut.close();
  limit(LIMIT);
  assert.ok(await connects(before));
  const next = await broker.channel('beside');
  assert.ok(await connects(next));
});
