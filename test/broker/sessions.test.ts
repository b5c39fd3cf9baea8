import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Packr } from 'msgpackr/index-no-eval';
import { CHANNELS_PER_PLUGIN, MAX_REQUEST_BYTES } from '../../shared/limits.js';
import type { BrokerLine } from '../../shared/protocol/link.js';
import { type Listener, listen } from '../harness/listener.js';
import { type NameServer, startNameServer } from './name-server.js';
import { startBroker, type TestBroker } from './start-broker.js';
import { TestChannel } from './test-channel.js';
import { openSocket, readUntilEnd } from './use-socket.js';

const packr = new Packr({ useRecords: false });
let broker: TestBroker;
let echo: Listener;
let dns: NameServer;

before(async () => {
  dns = await startNameServer(
    Object.fromEntries(
      ['former', 'twice'].flatMap((name) => [
        [`${name}.test A`, null],
        [`${name}.test AAAA`, null],
      ]),
    ),
  );
  broker = await startBroker({ dnsServers: [dns.address] });
  echo = await listen((socket) => socket.pipe(socket));
  await broker.plugin('neighbour', { allow: [`127.0.0.1:${echo.port}`] });
});
after(async () => {
  assert.equal(await broker.stop(), 0);
  await echo.close();
  dns.close();
});

const CONNECT = { op: 'connect', id: 1, host: 'example.com', port: 443 };
const OFFENCES: Readonly<Record<string, Uint8Array>> = {
  malformed: Buffer.from([0xc1]),
  oversized: Buffer.concat([Buffer.from([0x81, 0xdb, 0, 1, 0, 0]), Buffer.alloc(MAX_REQUEST_BYTES, 0x61)]),
  too_deep: Buffer.from('8191919191919101'.replace('81', '81a161'), 'hex'),
  unknown_op: packr.pack({ op: 'listen', id: 1 }),
  bad_shape: packr.pack({ ...CONNECT, extra: 1 }),
  version: packr.pack({ op: 'hello', version: 2 }),
};

for (const [kind, bytes] of Object.entries(OFFENCES)) {
  test(`${kind} ends its session and no other, and leaves no descriptor`, async () => {
    await broker.plugin(kind, { allow: [] });
    const neighbour = await broker.channel('neighbour');
    const innocent = await broker.channel(kind);
    const descriptors = await broker.steadyDescriptors();
    const channel = await broker.channel(kind, { greet: kind !== 'version' });
    channel.sendBytes(bytes);
    await channel.untilEnded();
    await broker.until(() => broker.ended(channel.session));
    await broker.untilNoMoreThan(descriptors);
    const count = await broker.metric(`postern_protocol_errors_total{plugin="${kind}",kind="${kind}"}`);
    assert.equal(count, 1);
    const event = broker.events.find((line) => line['event'] === 'protocol_error' && line['plugin'] === kind);
    assert.equal(event?.['kind'], kind);
    assert.equal((await innocent.refusal('example.com', 443)).reason, 'no_rule');
    const { descriptor } = await neighbour.connect('127.0.0.1', echo.port);
    openSocket(descriptor).destroy();
    neighbour.close();
    innocent.close();
    await broker.until(() => broker.ended(neighbour.session) && broker.ended(innocent.session));
  });
}

// proves: channel: a hello comes first
test('hello comes first', async () => {
  await broker.plugin('greeter', { allow: [] });
  const silent = await broker.channel('greeter', { greet: false });
  silent.send({ op: 'cancel', id: 1 });
  await silent.untilEnded();
  assert.equal(await broker.metric('postern_protocol_errors_total{plugin="greeter",kind="version"}'), 1);
});

test('a later hello voids what the former program asked for: no answer to it follows', async () => {
  await broker.plugin('heir', { allow: ['former.test', `127.0.0.1:${echo.port}`] });
  const channel = await broker.channel('heir');
  channel.send({ op: 'connect', id: 5, host: 'former.test', port: 443 });
  channel.send({ op: 'hello', version: 1 });
  await channel.reply((reply) => 'op' in reply);
  channel.send({ op: 'connect', id: 5, host: '127.0.0.1', port: echo.port });
  const { reply, descriptor } = await channel.answer(5);
  assert.deepEqual(reply, { id: 5, ok: true });
  openSocket(descriptor).destroy();
  await broker.metrics();
  assert.deepEqual(channel.takeAll(), []);
  channel.close();
  dns.deny('former.test');
});

// proves: an id in flight is not used again
test('an id that is in flight may not be used again', async () => {
  await broker.plugin('twice', { allow: ['twice.test'] });
  const channel = await broker.channel('twice');
  for (let time = 0; time < 2; time += 1)
    channel.send({ op: 'connect', id: 5, host: 'twice.test', port: 443 });
  await channel.untilEnded();
  assert.equal(await broker.metric('postern_protocol_errors_total{plugin="twice",kind="bad_shape"}'), 1);
  dns.deny('twice.test');
});

test('a session ends without an error when the last writing end of its pipe is closed', async () => {
  await broker.plugin('closer', { allow: [] });
  const descriptors = await broker.steadyDescriptors();
  const channel = await broker.channel('closer');
  channel.request.close();
  await channel.untilEnded();
  await broker.until(() => broker.ended(channel.session));
  await broker.untilNoMoreThan(descriptors);
  assert.equal(await broker.metric('postern_protocol_errors_total{plugin="closer",kind="malformed"}'), 0);
});

test('a resumed channel gets a hello unasked, and needs none', async () => {
  await broker.plugin('resumer', { allow: [`127.0.0.1:${echo.port}`] });
  const channel = broker.attach({ type: 'channel', plugin: 'resumer', session: 5000, resumed: 'unanswered' });
  const { reply } = await channel.reply(() => true);
  assert.deepEqual(reply, { op: 'hello', version: 1, resumed: true });
  const { descriptor } = await channel.connect('127.0.0.1', echo.port);
  openSocket(descriptor).destroy();
});

const isWanted = (line: BrokerLine): line is Extract<BrokerLine, { type: 'channel_wanted' }> =>
  line.type === 'channel_wanted';

test('open_channel yields two ends that are a channel of their own', async () => {
  await broker.plugin('opener', { allow: [`127.0.0.1:${echo.port}`] });
  const descriptors = await broker.steadyDescriptors();
  const channel = await broker.channel('opener');
  channel.send({ op: 'open_channel', id: 3 });
  const wanted = await broker.line(isWanted);
  const { plugin, session } = wanted;
  assert.deepEqual({ plugin, session }, { plugin: 'opener', session: channel.session });
  broker.answerWanted(wanted);
  const request = await channel.answer(3);
  const reply = await channel.answer(3);
  assert.deepEqual(request.reply, { id: 3, ok: true, part: 'request' });
  assert.deepEqual(reply.reply, { id: 3, ok: true, part: 'reply' });
  assert.ok(request.descriptor !== undefined && reply.descriptor !== undefined);
  const second = new TestChannel(request.descriptor, reply.descriptor);
  second.send({ op: 'hello', version: 1 });
  const { descriptor } = await second.connect('127.0.0.1', echo.port);
  channel.close();
  const socket = openSocket(descriptor);
  socket.end('by the second');
  assert.equal(await readUntilEnd(socket), 'by the second');
  second.close();
  await broker.untilNoMoreThan(descriptors);
});

test('a channel that the supervisor cannot make is refused, and counts no more', async () => {
  await broker.plugin('poor', { allow: [] });
  const channel = await broker.channel('poor');
  const seen = broker.lines.filter(isWanted).length;
  for (let id = 1; id < 2 * CHANNELS_PER_PLUGIN; id += 1) {
    channel.send({ op: 'open_channel', id });
    await broker.until(() => broker.lines.filter(isWanted).length === seen + id);
    broker.send({ type: 'channel_refused', id: broker.lines.filter(isWanted).at(-1)?.id ?? 0 });
    const { reply } = await channel.answer(id);
    assert.ok('errno' in reply);
    assert.deepEqual([reply.errno, reply.reason], ['EAGAIN', 'concurrency_limited']);
  }
  channel.close();
});

test('channels that the plugin does not receive wait, and are whole once it does', async () => {
  const [channels, waits] = [CHANNELS_PER_PLUGIN - 1, 3 * CHANNELS_PER_PLUGIN];
  await broker.plugin('waiter', { allow: [`127.0.0.1:${echo.port}`] });
  const descriptors = await broker.steadyDescriptors();
  const channel = await broker.channel('waiter');
  const seen = broker.lines.filter(isWanted).length;
  channel.listen(false);
  // These answers fill the socket before the channels do.
  for (let id = 100; id < 100 + waits; id += 1)
    channel.send({ op: 'explain', id, host: 'example.com', port: 443 });
  for (let id = 1; id <= channels; id += 1) channel.send({ op: 'open_channel', id });
  await broker.until(() => broker.lines.filter(isWanted).length - seen === channels);
  for (const wanted of broker.lines.filter(isWanted).slice(seen)) broker.answerWanted(wanted);
  await broker.metrics();
  channel.listen(true);
  for (let id = 1; id <= channels; id += 1) {
    const request = await channel.answer(id);
    const reply = await channel.answer(id);
    assert.ok(request.descriptor !== undefined && reply.descriptor !== undefined);
    const opened = new TestChannel(request.descriptor, reply.descriptor);
    opened.send({ op: 'hello', version: 1 });
    const { descriptor } = await opened.connect('127.0.0.1', echo.port);
    openSocket(descriptor).destroy();
    opened.close();
  }
  channel.close();
  await broker.untilNoMoreThan(descriptors);
});

// proves: channel: so many of a plugin and no more
test('a plugin has so many channels and no more, with those that are being made', async () => {
  await broker.plugin('hoarder', { allow: [] });
  const channel = await broker.channel('hoarder');
  const seen = broker.lines.filter(isWanted).length;
  for (let id = 1; id < CHANNELS_PER_PLUGIN; id += 1) channel.send({ op: 'open_channel', id });
  channel.send({ op: 'open_channel', id: 999 });
  const { reply } = await channel.answer(999);
  assert.ok('errno' in reply);
  assert.deepEqual([reply.errno, reply.reason], ['EAGAIN', 'concurrency_limited']);
  await broker.until(() => broker.lines.filter(isWanted).length - seen === CHANNELS_PER_PLUGIN - 1);
  const late = broker.lines.filter(isWanted).at(-1);
  channel.close();
  await broker.until(() => broker.ended(channel.session));
  const descriptors = await broker.steadyDescriptors();
  assert.ok(late !== undefined);
  broker.answerWanted(late);
  await broker.metrics();
  await broker.untilNoMoreThan(descriptors);
  const again = await broker.channel('hoarder');
  again.send({ op: 'open_channel', id: 1 });
  await broker.until(() => broker.lines.filter(isWanted).length - seen === CHANNELS_PER_PLUGIN);
  again.close();
});

// proves: channel: one that is being made counts, also for a program that is gone
test('a channel that is being made counts until it is made, also for a program that is gone', async () => {
  await broker.plugin('successor', { allow: [] });
  const channel = await broker.channel('successor');
  const seen = broker.lines.filter(isWanted).length;
  for (let id = 1; id < CHANNELS_PER_PLUGIN; id += 1) channel.send({ op: 'open_channel', id });
  channel.send({ op: 'hello', version: 1 });
  channel.send({ op: 'open_channel', id: 1 });
  const { reply } = await channel.answer(1);
  assert.ok('errno' in reply, 'The supervisor is asked for one more than it makes, and says nothing');
  assert.deepEqual([reply.errno, reply.reason], ['EAGAIN', 'concurrency_limited']);
  await broker.until(() => broker.lines.filter(isWanted).length - seen >= CHANNELS_PER_PLUGIN - 1);
  const wanted = broker.lines.filter(isWanted).slice(seen);
  assert.equal(wanted.length, CHANNELS_PER_PLUGIN - 1);
  for (const line of wanted) broker.answerWanted(line);
  // The former program's channels end, and none of them answers a request of the next one.
  const count = (): number => broker.lines.filter(isWanted).length;
  for (let id = 2; count() - seen < CHANNELS_PER_PLUGIN; id += 1) {
    channel.send({ op: 'open_channel', id });
    await broker.metrics();
  }
  assert.ok(channel.takeAll().every(({ descriptor }) => descriptor === undefined));
  channel.close();
});

test('a plugin that is forgotten loses its channels and its series', async () => {
  await broker.plugin('leaver', { allow: [] });
  const channel = await broker.channel('leaver');
  await channel.refusal('example.com', 443);
  assert.match(await broker.metrics(), /plugin="leaver"/);
  broker.send({ type: 'forget', plugin: 'leaver' });
  await channel.untilEnded();
  assert.doesNotMatch(await broker.metrics(), /plugin="leaver"/);
});
