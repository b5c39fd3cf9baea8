import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { REQUESTS_PER_TURN } from '../../shared/limits.js';
import { encodeRequest } from '../../shared/protocol/requests.js';
import { setNonBlocking } from '../../shared/sys/fcntl.js';
import { type Listener, listen } from '../harness/listener.js';
import { until } from '../harness/until.js';
import { type NameServer, startNameServer } from './name-server.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { Received } from './test-channel.js';
import { openSocket } from './use-socket.js';

let broker: TestBroker;
let echo: Listener;
let dns: NameServer;

before(async () => {
  dns = await startNameServer({ 'mute.test A': null, 'mute.test AAAA': null });
  broker = await startBroker({ dnsServers: [dns.address] });
  echo = await listen((socket) => socket.pipe(socket));
});
after(async () => {
  assert.equal(await broker.stop(), 0);
  await echo.close();
  dns.close();
});

const errnoOf = ({ reply }: Received): string => ('errno' in reply ? reply.errno : 'none');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

// proves: queue: it is bounded
// proves: queue: so many at once
test('past concurrency and queue a request is refused at once; cancel makes room', async () => {
  const limits = { concurrentRequests: 2, queuedRequests: 2 };
  await broker.plugin('queue', { allow: ['mute.test'], limits });
  const channel = await broker.channel('queue');
  for (let id = 1; id <= 5; id += 1) channel.send({ op: 'connect', id, host: 'mute.test', port: 443 });
  const fifth = await channel.answer(5);
  assert.ok('errno' in fifth.reply);
  assert.deepEqual([fifth.reply.errno, fifth.reply.reason], ['EAGAIN', 'concurrency_limited']);
  assert.equal(await broker.metric('postern_requests_in_flight{plugin="queue"}'), 2);
  assert.equal(await broker.metric('postern_requests_queued{plugin="queue"}'), 2);
  assert.equal(await broker.metric('postern_limit_rejections_total{plugin="queue",limit="queue"}'), 1);
  channel.send({ op: 'cancel', id: 4 });
  assert.equal(errnoOf(await channel.answer(4)), 'ECANCELED');
  assert.equal(await broker.metric('postern_requests_queued{plugin="queue"}'), 1);
  channel.send({ op: 'cancel', id: 1 });
  assert.equal(errnoOf(await channel.answer(1)), 'ECANCELED');
  assert.equal(await broker.metric('postern_requests_queued{plugin="queue"}'), 0);
  channel.close();
  await broker.until(() => broker.ended(channel.session));
  // Long before the mute question would end by itself.
  await until(
    async () => (await broker.metric('postern_requests_in_flight{plugin="queue"}')) === 0 || undefined,
    1_500,
  );
});

/** The broker finds what is sent together, however long the test pauses meanwhile. */
function atOnce(send: () => void): void {
  process.kill(broker.pid, 'SIGSTOP');
  send();
  process.kill(broker.pid, 'SIGCONT');
}

test('a request that waits too long for its turn is ETIMEDOUT', async () => {
  await broker.plugin('late', { allow: ['mute.test'], limits: { concurrentRequests: 1 } });
  const channel = await broker.channel('late');
  channel.send({ op: 'connect', id: 1, host: 'mute.test', port: 443 });
  channel.send({ op: 'connect', id: 2, host: 'mute.test', port: 443, timeout_ms: 100 });
  assert.equal(errnoOf(await channel.answer(2)), 'ETIMEDOUT');
  channel.close();
});

// proves: queue: so many in a second
test('past the rate requests wait, and past the queue they are rate_limited', async () => {
  const limits = { requestsPerSecond: 5, queuedRequests: 3 };
  await broker.plugin('rate', { allow: [], limits });
  const channel = await broker.channel('rate');
  atOnce(() => {
    for (let id = 1; id <= 10; id += 1) channel.send({ op: 'connect', id, host: 'no.test', port: 443 });
  });
  const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => channel.answer(index + 1)));
  const reasons = answers.map(({ reply }) => ('reason' in reply ? reply.reason : 'none'));
  assert.equal(reasons.filter((reason) => reason === 'no_rule').length, 8);
  assert.equal(reasons.filter((reason) => reason === 'rate_limited').length, 2);
  assert.equal(await broker.metric('postern_limit_rejections_total{plugin="rate",limit="queue"}'), 2);
  assert.ok(broker.events.some(({ reason }) => reason === 'rate_limited'));
});

// proves: a request whose turn does not come in time is an event
test('a request whose time limit is over before its turn is counted and an event', async () => {
  await broker.plugin('late', { allow: [], limits: { requestsPerSecond: 1 } });
  const channel = await broker.channel('late');
  const hosts = ['a.test', 'b.test', 'c.test', 'd.test'];
  const asked = hosts.map((host) => channel.refusal(host, 443, host === 'd.test' ? 20 : undefined));
  assert.equal((await asked[3])?.errno, 'ETIMEDOUT');
  assert.equal(await broker.metric('postern_limit_rejections_total{plugin="late",limit="rate"}'), 1);
  assert.ok(
    broker.events.some(
      ({ plugin, host, reason }) => plugin === 'late' && host === 'd.test' && reason === 'rate_limited',
    ),
  );
  channel.close();
});

test('if nothing may wait, the limit that was reached is counted', async () => {
  const rejections = (limit: string): Promise<number | undefined> =>
    broker.metric(`postern_limit_rejections_total{plugin="strict",limit="${limit}"}`);
  await broker.plugin('strict', {
    allow: ['mute.test'],
    limits: { concurrentRequests: 1, queuedRequests: 0 },
  });
  const channel = await broker.channel('strict');
  channel.send({ op: 'connect', id: 1, host: 'mute.test', port: 443 });
  channel.send({ op: 'connect', id: 2, host: 'mute.test', port: 443 });
  assert.equal(errnoOf(await channel.answer(2)), 'EAGAIN');
  assert.deepEqual(
    [await rejections('concurrency'), await rejections('rate'), await rejections('queue')],
    [1, 0, 0],
  );
  await broker.plugin('strict', {
    allow: ['mute.test'],
    limits: { requestsPerSecond: 2, queuedRequests: 0 },
  });
  // Two in this second, one that begins the next second, and one too many.
  atOnce(() => {
    for (let id = 3; id <= 6; id += 1) channel.send({ op: 'connect', id, host: 'no.test', port: 443 });
  });
  assert.equal(errnoOf(await channel.answer(6)), 'EAGAIN');
  assert.deepEqual(
    [await rejections('concurrency'), await rejections('rate'), await rejections('queue')],
    [1, 1, 0],
  );
  channel.close();
});

// proves: a plugin that does not read is not read
test('a plugin that reads no answer costs bounded memory and descriptors, and slows down no neighbour', async () => {
  await broker.plugin('flood', { allow: [`127.0.0.1:${echo.port}`] });
  await broker.plugin('beside', { allow: [`127.0.0.1:${echo.port}`] });
  const beside = await broker.channel('beside');
  const flood = await broker.channel('flood');
  const descriptors = await broker.steadyDescriptors();
  flood.listen(false);
  setNonBlocking(flood.request.number, true);
  const pour = (): void => {
    for (let count = 0; count < 50; count += 1) {
      const id = flood.nextId();
      if (flood.sendBytes(encodeRequest({ op: 'connect', id, host: '127.0.0.1', port: echo.port })) < 0)
        return;
    }
  };
  const slowest = async (before: () => void): Promise<number> => {
    const times: number[] = [];
    for (let round = 0; round < 300; round += 1) {
      before();
      const start = performance.now();
      const { descriptor } = await beside.connect('127.0.0.1', echo.port);
      times.push(performance.now() - start);
      openSocket(descriptor).destroy();
      await turn();
    }
    times.sort((a, b) => a - b);
    return times[Math.floor(times.length * 0.99)] ?? Number.NaN;
  };
  // On a machine that does something else, too, a connect takes longer without the flood as well.
  const alone = await slowest(() => {});
  let beside99 = await slowest(pour);
  // What delays a neighbour does so every time.
  for (let again = 0; again < 2 && beside99 >= Math.max(50, 10 * alone); again += 1)
    beside99 = await slowest(pour);
  assert.ok(
    beside99 < Math.max(50, 10 * alone),
    `a neighbour's connect took ${beside99} ms, alone ${alone} ms`,
  );
  assert.ok(broker.descriptors() < descriptors + 200, `${broker.descriptors()} descriptors`);
  const resident = broker.residentKib();
  for (let round = 0; round < 200; round += 1) {
    pour();
    await turn();
  }
  assert.ok(broker.residentKib() < resident + 32 * 1024, 'memory does not grow with what is sent');
  await broker.metrics();
  const EAGAIN = -11;
  assert.equal(
    flood.send({ op: 'cancel', id: 1 }),
    EAGAIN,
    'nothing of it is read any more: its pipe is full',
  );
  flood.close();
  await broker.until(() => broker.ended(flood.session) && broker.descriptors() <= descriptors);
});

// proves: all channels of a plugin share its turn
test('a plugin with many channels has no larger share of the event loop', async () => {
  const allow = [`127.0.0.1:${echo.port}`];
  await broker.plugin('many', { allow });
  await broker.plugin('late', { allow });
  const late = await broker.channel('late');
  const channels = await Promise.all(Array.from({ length: 48 }, () => broker.channel('many')));
  for (const channel of channels) setNonBlocking(channel.request.number, true);
  const decided: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    const seen = broker.lines.length;
    // The broker stands still until all of them wait, the neighbour's last: then their order tells, whatever else the machine does.
    process.kill(broker.pid, 'SIGSTOP');
    for (const channel of channels)
      for (let count = 0; count < 16; count += 1) {
        const id = channel.nextId();
        channel.sendBytes(encodeRequest({ op: 'connect', id, host: 'no.test', port: 443 }));
      }
    const answer = late.connect('127.0.0.1', echo.port);
    process.kill(broker.pid, 'SIGCONT');
    const { descriptor } = await answer;
    openSocket(descriptor).destroy();
    await broker.until(() => broker.lines.length - seen > 48 * 16);
    const events = broker.lines.slice(seen).flatMap((line) => (line.type === 'audit' ? [line.line] : []));
    decided.push(events.findIndex(({ plugin }) => plugin === 'late'));
  }
  const most = Math.max(...decided);
  assert.ok(Math.min(...decided) >= 0, 'the neighbour is served');
  assert.ok(most <= 4 * REQUESTS_PER_TURN, `${most} of 768 requests were decided before a neighbour's`);
  for (const channel of channels) channel.close();
});

test('a plugin that reads again gets every answer', async () => {
  await broker.plugin('pauser', { allow: [] });
  const channel = await broker.channel('pauser');
  channel.listen(false);
  setNonBlocking(channel.request.number, true);
  let sent = 0;
  // On a busy machine the broker comes late to the first ones.
  for (let stuck = 0; stuck < (sent > 100 ? 20 : 2_000); stuck += 1) {
    while (sent < 5000) {
      if (channel.send({ op: 'connect', id: 10_000 + sent, host: 'no.test', port: 443 }) < 0) break;
      sent += 1;
      stuck = 0;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(sent > 100 && sent < 5000, `the pipe took ${sent}`);
  channel.listen(true);
  for (let index = 0; index < sent; index += 1) {
    assert.equal(errnoOf(await channel.answer(10_000 + index)), 'EACCES');
  }
});

test('a plugin past its share of the log is answered as before, its events are counted, and its neighbour keeps its share', async () => {
  await broker.plugin('chatty', { allow: [], limits: { logLinesPerSecond: 5 } });
  await broker.plugin('calm', { allow: [], limits: { logLinesPerSecond: 50 } });
  const written = (name: string): number =>
    broker.events.filter(({ event, plugin }) => event === 'decision' && plugin === name).length;
  const limited = (name: string): Promise<number | undefined> =>
    broker.metric(`postern_limit_rejections_total{plugin="${name}",limit="log_rate"}`);
  const dropped = (await broker.metric('postern_audit_events_dropped_total')) ?? 0;
  const start = performance.now();
  let seconds = 0;
  for (const name of ['chatty', 'calm']) {
    const channel = await broker.channel(name);
    for (let id = 1; id <= 40; id += 1) channel.send({ op: 'connect', id, host: 'no.test', port: 443 });
    for (let id = 1; id <= 40; id += 1) assert.equal(errnoOf(await channel.answer(id)), 'EACCES');
    if (name === 'chatty') seconds = (performance.now() - start) / 1000;
    channel.close();
  }
  const lost = (await limited('chatty')) ?? 0;
  assert.ok(
    lost > 0 && lost >= 30 - 5 * seconds && lost <= 35,
    `${lost} events were left out in ${seconds} s`,
  );
  assert.equal((await broker.metric('postern_audit_events_dropped_total')) ?? 0, dropped + lost);
  await broker.until(() => written('chatty') === 40 - lost && written('calm') === 40);
  assert.equal(await limited('calm'), 0);
});
