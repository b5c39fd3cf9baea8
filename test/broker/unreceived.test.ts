// Descriptors that a plugin was sent and does not receive. They keep their channel's place, and count for the plugin's share.
import assert from 'node:assert/strict';
import { openSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { Unreceived } from '../../broker/channel/reply-writer.js';
import { DescriptorPool } from '../../broker/limit/descriptor-shares.js';
import { BROKER_DESCRIPTORS, CHANNELS_PER_PLUGIN } from '../../shared/limits.js';
import { receiveMessage, sendMessage } from '../../shared/sys/message.js';
import { packetSocketPair } from '../../shared/sys/socket.js';
import { type Listener, listen } from '../harness/listener.js';
import { until } from '../harness/until.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { TestChannel } from './test-channel.js';

const WANTED = 30;
const LIMIT = 1024;
/** Root could raise the limit again. */
const WITHOUT_RAISING =
  process.geteuid?.() === 0
    ? ['setpriv', '--bounding-set', '-sys_resource', '--inh-caps', '-sys_resource']
    : [];
const FEW = [...WITHOUT_RAISING, 'prlimit', `--nofile=${LIMIT}:${LIMIT}`];

let echo: Listener;
before(async () => {
  echo = await listen((socket) => socket.pipe(socket));
});
after(() => echo.close());

async function start(t: TestContext, under: readonly string[] = []): Promise<TestBroker> {
  const broker = await startBroker({}, { under, stderr: openSync('/dev/null', 'w') });
  t.after(async () => assert.equal(await broker.stop(), 0));
  const limits = { concurrentRequests: 10_000 };
  for (const plugin of ['hog', 'beside'])
    await broker.plugin(plugin, { allow: [`127.0.0.1:${echo.port}`], limits });
  return broker;
}

const passed = (broker: TestBroker): Promise<number> =>
  broker.metric('postern_sockets_passed_total{plugin="hog",door="channel"}');

/** A channel of the hog, with sockets that it has not received. */
async function fill(broker: TestBroker): Promise<TestChannel> {
  const channel = await broker.channel('hog');
  channel.listen(false);
  const before = await passed(broker);
  for (let id = 0; id < WANTED; id += 1)
    channel.send({ op: 'connect', id: 1000 + id, host: '127.0.0.1', port: echo.port });
  await until(async () => (await passed(broker)) - before === WANTED || undefined, 10_000);
  return channel;
}

/** A session of the hog that ended later than others, with nothing to receive. */
async function laterEnd(broker: TestBroker): Promise<void> {
  const later = await broker.channel('hog');
  later.request.close();
  await broker.until(() => broker.ended(later.session));
  later.close();
}

// proves: an ended channel keeps its place while sockets wait in it
for (const [how, finish] of Object.entries({
  'are received': async (channel: TestChannel) => {
    channel.listen(true);
    await channel.untilEnded();
    assert.equal(
      channel.takeAll().filter(({ descriptor }) => descriptor?.close() === undefined).length,
      WANTED,
    );
  },
  'can no more be received': async (channel: TestChannel) => channel.close(),
}))
  test(`a channel keeps its place until its sockets ${how}`, async (t) => {
    const broker = await start(t);
    const channel = await fill(broker);
    channel.request.close();
    await laterEnd(broker);
    assert.ok(!broker.ended(channel.session), 'its sockets still wait');
    await finish(channel);
    await broker.until(() => broker.ended(channel.session));
    channel.close();
  });

// proves: a plugin's share of descriptors holds the sockets that it does not receive
test('sockets that wait to be received count for the share, and a neighbour has its own', async (t) => {
  const broker = await start(t, FEW);
  const beside = await broker.channel('beside');
  const full: TestChannel[] = [];
  const refusals = 'postern_limit_rejections_total{plugin="hog",limit="broker_descriptors"}';
  const answered = async (): Promise<number> => (await passed(broker)) + (await broker.metric(refusals));
  for (let at = 0; at < CHANNELS_PER_PLUGIN / 4; at += 1) {
    const channel = await broker.channel('hog');
    channel.listen(false);
    const before = await answered();
    for (let id = 0; id < WANTED; id += 1)
      channel.send({ op: 'connect', id: 1000 + id, host: '127.0.0.1', port: echo.port });
    await until(async () => (await answered()) - before === WANTED || undefined, 10_000);
    channel.request.close();
    full.push(channel);
  }
  const most = LIMIT / 4;
  const sent = await passed(broker);
  assert.ok(sent <= most && sent > most / 2, `${sent} sockets of ${most} wait to be received`);
  const { reply, descriptor } = await beside.connect('127.0.0.1', echo.port);
  assert.ok('ok' in reply && reply.ok);
  descriptor?.close();
  for (const channel of full) channel.close();
  await broker.until(() => full.every(({ session }) => broker.ended(session)));
  const again = await broker.channel('hog');
  const { reply: granted, descriptor: socket } = await again.connect('127.0.0.1', echo.port);
  assert.ok('ok' in granted && granted.ok);
  socket?.close();
});

test('a plugin that receives its sockets gets more of them than its share has', async (t) => {
  const broker = await start(t, FEW);
  const channel = await broker.channel('hog');
  for (let at = 0; at < LIMIT; at += 1) {
    const { reply, descriptor } = await channel.connect('127.0.0.1', echo.port);
    descriptor?.close();
    assert.ok('ok' in reply && reply.ok, JSON.stringify(reply));
  }
});

// proves: sockets that a former broker sent count for the share too
test('what a former broker sent counts too', async (t) => {
  const [ours, theirs] = packetSocketPair();
  t.after(() => {
    ours.close();
    theirs.close();
  });
  const SENT = 5;
  for (let at = 0; at < SENT; at += 1) sendMessage(ours.number, Buffer.from('x'), [theirs.number]);
  const share = new DescriptorPool(BROKER_DESCRIPTORS).share();
  const unreceived = new Unreceived(ours, share);
  assert.ok(share.held >= SENT && share.held <= 3 * SENT, `${share.held}`);
  const received = new Promise<void>((resolve) => unreceived.whenReceived(resolve));
  for (let at = 0; at < SENT; at += 1) {
    assert.ok(share.held > 0);
    const message = receiveMessage(theirs.number);
    assert.ok(typeof message !== 'number');
    for (const descriptor of message.descriptors) descriptor.close();
  }
  await received;
  assert.equal(share.held, 0);
});
