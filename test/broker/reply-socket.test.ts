// A plugin sends something by the socket that brings its replies: the broker receives nothing there, and the session ends.
import assert from 'node:assert/strict';
import { readlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { STALL_SLOW_MS } from '../../shared/limits.js';
import { duplicate, writeOnce } from '../../shared/sys/fcntl.js';
import { bind } from '../../shared/sys/libc.js';
import { sendMessage } from '../../shared/sys/message.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { makePipe } from '../../shared/sys/pipe.js';
import { lingeringSocket } from '../harness/lingering-socket.js';
import { type Listener, listen } from '../harness/listener.js';
import { PATIENCE } from '../harness/patience.js';
import { linksOf } from '../harness/processes.js';
import { startBroker, type TestBroker } from './start-broker.js';
import { openSocket } from './use-socket.js';

const LINGER_S = 2;
const SHUT_WR = 1;
const EPIPE = -32;
const ECONNRESET = -104;
const text = Buffer.from('x');
const nothing = new Uint8Array(0);
const shutdown = bind('int shutdown(int fd, int how)');

let broker: TestBroker;
let echo: Listener;

before(async () => {
  broker = await startBroker();
  echo = await listen((socket) => socket.pipe(socket));
  await broker.plugin('neighbour', { allow: [`127.0.0.1:${echo.port}`] });
});
after(async () => {
  assert.equal(await broker.stop(), 0);
  await echo.close();
});

/** A descriptor whose last close shows: the pipe's other end is readable then. */
function traced(): { readonly sent: OwnedFd; readonly isGone: () => boolean; readonly close: () => void } {
  const { read, write } = makePipe({});
  return {
    sent: read,
    // Without a reader a pipe is in error, poll(2).
    isGone: () => writeOnce(write.number, text) === EPIPE,
    close: () => write.close(),
  };
}

interface Push {
  readonly name: string;
  readonly kind: 'unexpected_descriptor' | 'malformed';
  readonly packets: readonly { readonly payload: Uint8Array; readonly bearing: boolean }[];
  /** What the plugin does to its end afterwards. */
  readonly afterwards?: 'shut' | 'close';
}

const PUSHES: readonly Push[] = [
  { name: 'a descriptor', kind: 'unexpected_descriptor', packets: [{ payload: text, bearing: true }] },
  {
    name: 'a descriptor in an empty packet',
    kind: 'unexpected_descriptor',
    packets: [{ payload: nothing, bearing: true }],
  },
  {
    name: 'a descriptor behind an empty packet',
    kind: 'malformed',
    packets: [
      { payload: nothing, bearing: false },
      { payload: nothing, bearing: true },
    ],
  },
  // proves: a packet without a byte is no end
  {
    name: 'a descriptor behind an empty packet, from an end that is shut then,',
    kind: 'malformed',
    packets: [
      { payload: nothing, bearing: false },
      { payload: text, bearing: true },
    ],
    afterwards: 'shut',
  },
  // proves: channel: what was sent there is looked for when the session ends
  {
    name: 'a descriptor in an empty packet, from an end that is closed then,',
    kind: 'unexpected_descriptor',
    packets: [{ payload: nothing, bearing: true }],
    afterwards: 'close',
  },
  // proves: channel: what was sent there is looked for when the session ends
  {
    name: 'an empty packet, from an end that is closed then,',
    kind: 'malformed',
    packets: [{ payload: nothing, bearing: false }],
    afterwards: 'close',
  },
  { name: 'bytes', kind: 'malformed', packets: [{ payload: text, bearing: false }] },
  { name: 'an empty packet', kind: 'malformed', packets: [{ payload: nothing, bearing: false }] },
];

for (const [index, { name, kind, packets, afterwards }] of PUSHES.entries()) {
  // proves: what is sent to the reply socket ends the session
  test(`${name} sent to the reply socket ends its session and no other`, async () => {
    const plugin = `pusher-${index}`;
    await broker.plugin(plugin, { allow: [] });
    const neighbour = await broker.channel('neighbour');
    const innocent = await broker.channel(plugin);
    const descriptors = await broker.steadyDescriptors();
    const channel = await broker.channel(plugin);
    const file = traced();
    // The broker finds all packets at once.
    process.kill(broker.pid, 'SIGSTOP');
    for (const { payload, bearing } of packets) {
      const sent = sendMessage(channel.replyNumber, payload, bearing ? [file.sent.number] : []);
      assert.equal(sent, payload.length);
    }
    file.sent.close();
    if (afterwards === 'shut') shutdown(channel.replyNumber, SHUT_WR);
    if (afterwards === 'close') channel.close();
    process.kill(broker.pid, 'SIGCONT');
    if (afterwards !== 'close') await channel.untilEnded();
    await broker.until(() => broker.ended(channel.session));
    await broker.untilNoMoreThan(descriptors);
    await broker.until(file.isGone);
    // ECONNRESET comes first if something was left unread.
    if (afterwards !== 'close')
      assert.ok(
        [EPIPE, ECONNRESET].includes(sendMessage(channel.replyNumber, text)),
        'the channel has ended',
      );
    const count = await broker.metric(`postern_protocol_errors_total{plugin="${plugin}",kind="${kind}"}`);
    assert.equal(count, 1);
    const event = broker.events.find(
      (line) => line['event'] === 'protocol_error' && line['plugin'] === plugin,
    );
    assert.deepEqual([event?.['kind'], event?.['door']], [kind, 'channel']);
    assert.equal((await innocent.refusal('example.com', 443)).reason, 'no_rule');
    const { descriptor } = await neighbour.connect('127.0.0.1', echo.port);
    openSocket(descriptor).destroy();
    neighbour.close();
    innocent.close();
    channel.close();
    file.close();
  });
}

test('a descriptor that was sent before the broker served the channel ends its session too', async () => {
  const channel = broker.attach({
    type: 'channel',
    plugin: 'neighbour',
    session: 6000,
    resumed: 'unanswered',
  });
  const file = traced();
  assert.equal(sendMessage(channel.replyNumber, text, [file.sent.number]), 1);
  file.sent.close();
  await channel.untilEnded();
  await broker.until(file.isGone);
  file.close();
  channel.close();
});

test('a plugin that shuts its reply socket for writing is served on', async () => {
  const channel = await broker.channel('neighbour');
  assert.equal(shutdown(channel.replyNumber, SHUT_WR), 0);
  const { descriptor } = await channel.connect('127.0.0.1', echo.port);
  openSocket(descriptor).destroy();
  assert.equal(sendMessage(channel.replyNumber, text), EPIPE);
  channel.close();
  await broker.until(() => broker.ended(channel.session));
});

test('a plugin that closes its reply socket has no session any more', async () => {
  const channel = await broker.channel('neighbour');
  const request = duplicate(channel.request.number);
  channel.close();
  await broker.until(() => broker.ended(channel.session));
  request.close();
});

// proves: the broker is the last to close its ends
test("a channel's ends are closed by the broker, and not before the supervisor has let go of its own", async () => {
  const before = await broker.steadyDescriptors();
  const channel = await broker.channel('neighbour');
  // The pipe has one number for both of its ends.
  const pipe = readlinkSync(`/proc/self/fd/${channel.request.number}`);
  const has = (): boolean => linksOf(broker.pid).includes(pipe);
  broker.keep(channel.session);
  assert.ok(has());
  channel.close();
  await broker.until(() => broker.ended(channel.session));
  await broker.metrics();
  assert.ok(has());
  broker.letGo(channel.session);
  await broker.until(() => !has());
  await broker.untilNoMoreThan(before);
});

// proves: what is sent to the reply socket is not received
// proves: the broker closes its ends on the thread apart
test('a file whose close waits, sent to the reply socket, delays no neighbour', async (context) => {
  await broker.plugin('waiter', { allow: [] });
  const channel = await broker.channel('waiter');
  const neighbour = await broker.channel('neighbour');
  const file = await lingeringSocket(context, LINGER_S);
  // The last close waits. It must not be the test's.
  broker.dropKept(channel.session);
  process.kill(broker.pid, 'SIGSTOP');
  assert.equal(sendMessage(channel.replyNumber, text, [file.number]), 1);
  file.close();
  process.kill(broker.pid, 'SIGCONT');
  channel.close();
  const descriptors = await broker.steadyDescriptors();
  const slow = 'postern_slow_touches_total{plugin="waiter",action="waited"}';
  const deadline = performance.now() + 10 * LINGER_S * 1000 * PATIENCE;
  const measure = async (isMore: (times: readonly number[]) => Promise<boolean>): Promise<number> => {
    const times: number[] = [];
    while (await isMore(times)) {
      const started = performance.now();
      const { descriptor } = await neighbour.connect('127.0.0.1', echo.port);
      times.push(performance.now() - started);
      openSocket(descriptor).destroy();
    }
    times.sort((a, b) => a - b);
    assert.ok(times.length > 5, `${times.length} connections while the close waited`);
    return times[Math.floor(times.length * 0.99)] ?? Number.NaN;
  };
  const beside = await measure(async () => {
    assert.ok(performance.now() < deadline, 'the close did not wait');
    return (await broker.metric(slow)) === 0;
  });
  const alone = await measure(async ({ length }) => (await broker.metric(slow)) > 0 && length < 300);
  // If the main thread made the close, a neighbour would wait for LINGER_S.
  assert.ok(
    beside < Math.max(3 * Math.max(alone, STALL_SLOW_MS), LINGER_S * 750),
    `p99 ${beside.toFixed(1)} ms, and ${alone.toFixed(1)} ms without it`,
  );
  neighbour.close();
  await broker.until(() => broker.descriptors() < descriptors);
});
