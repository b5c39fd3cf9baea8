// What the supervisor sends to a broker that receives nothing.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { BrokerPackets } from '../../../sandbox/supervisor/broker/broker-packets.js';
import { ChannelKeeper } from '../../../sandbox/supervisor/broker/kept.js';
import { UNRECEIVED_PACKETS } from '../../../shared/limits.js';
import { receiveMessage } from '../../../shared/sys/message.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { packetSocketPair } from '../../../shared/sys/socket.js';
import { until } from '../../harness/until.js';

/** Of sockets and pipes: Node may open a file meanwhile, for example that of the test's report. */
const openDescriptors = (): number =>
  readdirSync('/proc/self/fd').filter((name) => /^(?:socket|pipe):/.test(linkOf(name))).length;

function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    // The descriptor of the folder itself is closed again.
    return '';
  }
}

/** Takes what has come. @returns the session of each packet, and how many descriptors it had */
function takeAll(socket: OwnedFd): readonly (readonly [session: number, descriptors: number])[] {
  const taken: [number, number][] = [];
  for (;;) {
    const message = receiveMessage(socket.number);
    if (typeof message === 'number') return taken;
    for (const descriptor of message.descriptors) descriptor.close();
    const { session } = JSON.parse(Buffer.from(message.payload).toString()) as { session: number };
    taken.push([session, message.descriptors.length]);
  }
}

test('packets to a broker that receives nothing wait in order, and the supervisor does not', async () => {
  const before = openDescriptors();
  const [ours, theirs] = packetSocketPair();
  const packets = new BrokerPackets(ours);
  const channels = new ChannelKeeper();
  const { kept, ends } = channels.open('web');
  ends.request.close();
  ends.reply.close();
  // A socket takes some hundred. Before, the next sendmsg(2) waited for good.
  for (let sent = 0; sent < 1_000; sent += 1) packets.channel({ ...kept, session: sent });
  assert.ok(packets.waiting > 0);
  const { ends: handOver, kept: answered } = channels.open('web');
  packets.channel({ ...answered, session: 1_000 }, { answers: { session: 1, id: 1 }, handOver });
  const { ends: lost, kept: dropped } = channels.open('web');
  lost.request.close();
  lost.reply.close();
  packets.channel(dropped);
  channels.letGo(dropped.session);
  const taken: (readonly [number, number])[] = [];
  await until(() => {
    taken.push(...takeAll(theirs));
    return packets.waiting === 0 || undefined;
  });
  taken.push(...takeAll(theirs));
  // The last one has no descriptors any more, and is left out.
  const expected = Array.from({ length: 1_001 }, (_, session) => [session, session === 1_000 ? 4 : 2]);
  assert.deepEqual(taken, expected);
  for (const { session } of channels.all()) channels.letGo(session);
  packets.close();
  ours.close();
  theirs.close();
  await until(() => openDescriptors() === before || undefined);
});

// proves: a broker that receives no packets is ended
test('a broker that receives nothing at all is ended, and what waits for it is closed', async () => {
  const before = openDescriptors();
  const [ours, theirs] = packetSocketPair();
  let ended = 0;
  const packets = new BrokerPackets(ours, () => {
    ended += 1;
  });
  const channels = new ChannelKeeper();
  const { kept, ends } = channels.open('web');
  ends.request.close();
  ends.reply.close();
  while (packets.waiting < UNRECEIVED_PACKETS) packets.channel(kept);
  assert.equal(ended, 0);
  packets.channel(kept);
  assert.equal(ended, 1);
  const { ends: handOver, kept: answered } = channels.open('web');
  packets.channel(answered, { answers: { session: 1, id: 1 }, handOver });
  packets.close();
  assert.equal(handOver.request.open || handOver.reply.open, false);
  const late = channels.open('web');
  packets.channel(late.kept, { answers: { session: 1, id: 1 }, handOver: late.ends });
  assert.equal(late.ends.request.open || late.ends.reply.open, false);
  for (const { session } of channels.all()) channels.letGo(session);
  ours.close();
  theirs.close();
  await until(() => openDescriptors() === before || undefined);
});
