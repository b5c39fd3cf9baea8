// Requests that wait for an audit log without room (when_full: block), as a broker's supervisor and its plugins see them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Listener, listen } from '../harness/listener.js';
import { startBroker, type TestBroker } from './start-broker.js';
import type { TestChannel } from './test-channel.js';

let broker: TestBroker;
let upstream: Listener;

before(async () => {
  upstream = await listen((socket) => socket.end());
  broker = await startBroker({ auditRoom: false });
});
after(async () => {
  assert.equal(await broker.stop(), 0);
  await upstream.close();
});

const eventsOf = (plugin: string): TestBroker['events'] =>
  broker.events.filter((event) => event['plugin'] === plugin);
const inFlight = (plugin: string): Promise<number> =>
  broker.metric(`postern_requests_in_flight{plugin="${plugin}"}`);

/** Everything that was sent to the broker before has had its effect. */
async function settle(): Promise<void> {
  await broker.metrics();
  await broker.metrics();
}

function ask(channel: TestChannel, ids: readonly number[], timeout_ms?: number): void {
  for (const id of ids)
    channel.send({
      ...{ op: 'connect', id, host: '127.0.0.1', port: upstream.port },
      ...(timeout_ms !== undefined && { timeout_ms }),
    });
}

async function results(channel: TestChannel, ids: readonly number[]): Promise<readonly string[]> {
  const answers = await Promise.all(ids.map((id) => channel.answer(id)));
  return answers.map(({ reply, descriptor }) => {
    descriptor?.close();
    return 'errno' in reply ? reply.errno : 'ok';
  });
}

// proves: a request waits before it is decided
// proves: full log: no request passes beside the queue then
test('while the log has no room, nothing is decided; requests still end in time, and by cancel', async () => {
  await broker.plugin('waits', { allow: [`127.0.0.1:${upstream.port}`] });
  const channel = await broker.channel('waits');
  ask(channel, [1, 2]);
  ask(channel, [3], 50);
  channel.send({ op: 'explain', id: 4, host: '127.0.0.1', port: 1 });
  channel.send({ op: 'cancel', id: 2 });
  assert.deepEqual(await results(channel, [2, 3]), ['ECANCELED', 'ETIMEDOUT']);
  assert.equal(await inFlight('waits'), 2);
  assert.deepEqual([upstream.connections(), eventsOf('waits')], [0, []]);
  broker.send({ type: 'audit_room', room: true });
  assert.deepEqual(await results(channel, [1, 4]), ['ok', 'EACCES']);
  await broker.until(() => eventsOf('waits').length === 2);
  broker.send({ type: 'audit_room', room: false });
  channel.close();
});

// proves: requests that find the queue full stay in the pipe
test('while the log has no room, no request is refused for a full queue: it stays in the pipe', async () => {
  const limits = { concurrentRequests: 1, queuedRequests: 1 };
  await broker.plugin('queue', { allow: [], limits });
  const channel = await broker.channel('queue');
  const ids = Array.from({ length: 10 }, (_, index) => index + 1);
  ask(channel, ids);
  await settle();
  assert.equal(await inFlight('queue'), 1);
  assert.equal(await broker.metric('postern_requests_queued{plugin="queue"}'), 1);
  assert.deepEqual(eventsOf('queue'), []);
  broker.send({ type: 'audit_room', room: true });
  await results(channel, ids);
  await broker.until(() => eventsOf('queue').length === ids.length);
  broker.send({ type: 'audit_room', room: false });
  channel.close();
});

test('a request that ends makes room for one in the pipe, although the log has none', async () => {
  const limits = { concurrentRequests: 1, queuedRequests: 0 };
  await broker.plugin('moves', { allow: [], limits });
  const channel = await broker.channel('moves');
  ask(channel, [1, 2, 3], 50);
  assert.deepEqual(await results(channel, [1, 2, 3]), ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']);
  assert.deepEqual(eventsOf('moves'), []);
  channel.close();
});

// proves: full log: no further channel is made
test('while the log has no room, no further channel is made: each could end with an event', async () => {
  await broker.plugin('channels', { allow: [] });
  const channel = await broker.channel('channels');
  const wanted = (): boolean =>
    broker.lines.some((line) => line.type === 'channel_wanted' && line.plugin === 'channels');
  channel.send({ op: 'open_channel', id: 1 });
  await settle();
  assert.equal(wanted(), false);
  channel.sendBytes(new Uint8Array([0xc1]));
  await broker.until(() => eventsOf('channels').length === 1);
  assert.equal(eventsOf('channels')[0]?.['event'], 'protocol_error', 'the one event of the channel');
  broker.send({ type: 'audit_room', room: true });
  await settle();
  assert.equal(wanted(), false, 'its channel has ended');
  broker.send({ type: 'audit_room', room: false });
});

// proves: a plugin past its lines per second waits
test('a plugin past its lines per second waits for its next line, and no event is left out', async () => {
  broker.send({ type: 'audit_room', room: true });
  await broker.plugin('lines', { allow: [], limits: { logLinesPerSecond: 20, concurrentRequests: 4 } });
  const channel = await broker.channel('lines');
  const ids = Array.from({ length: 50 }, (_, index) => index + 1);
  const at = performance.now();
  ask(channel, ids);
  await results(channel, ids);
  const seconds = (performance.now() - at) / 1000;
  await broker.until(() => eventsOf('lines').length === ids.length);
  // 20 at once, 20 a second, and the requests under way.
  assert.ok(seconds > (50 - 20 - 4) / 20 - 0.1, `${seconds} s`);
  assert.equal(await broker.metric('postern_audit_events_dropped_total'), 0);
  assert.equal(await broker.metric('postern_limit_rejections_total{plugin="lines",limit="log_rate"}'), 0);
  channel.close();
});
