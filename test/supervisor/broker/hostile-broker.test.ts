// What the supervisor answers to a broker that was taken over, and how much.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import { ChannelKeeper } from '../../../sandbox/supervisor/broker/channel-keeper.js';
import { CHANNELS_PER_PLUGIN, UNREAD_LINES_BYTES } from '../../../shared/limits.js';
import { readableFolder } from '../../harness/users.js';

function opened(keeper: ChannelKeeper, plugin: string): number {
  const { kept, ends } = keeper.open(plugin);
  ends.request.close();
  ends.reply.close();
  return kept.session;
}

// proves: a broker opens no more than a plugin's channels
test('a broker opens no more channels for a plugin than the plugin may have', () => {
  const keeper = new ChannelKeeper();
  const other = opened(keeper, 'other');
  const first = opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', other), false);
  while (keeper.all().length < CHANNELS_PER_PLUGIN) opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', first), true);
  opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', first), false);
  assert.equal(keeper.mayOpen('other', other), true);
  for (const { session } of keeper.all()) keeper.drop(session);
});

test('the end of a channel is answered once, also after the supervisor has dropped it', () => {
  const keeper = new ChannelKeeper();
  const [first, second, third] = [opened(keeper, 'web'), opened(keeper, 'web'), opened(keeper, 'web')];
  assert.equal(keeper.ended(third + 1), false);
  assert.equal(keeper.ended(first), true);
  assert.equal(keeper.ended(first), false);
  keeper.drop(second);
  assert.equal(keeper.ended(second), true);
  assert.equal(keeper.ended(second), false);
  keeper.restart();
  assert.equal(keeper.ended(third), true);
});

// proves: a broker that leaves lines unread is ended
test('a broker that leaves lines unread is ended, and not one that reads or gets long rules', async () => {
  const path = join(readableFolder(), 'lines.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const stream = createConnection(path);
  const [reader] = await connected;
  let ended = 0;
  const lines = new BrokerLines(stream, () => {
    ended += 1;
  });
  const line = { type: 'metrics', id: 1 } as const;
  const size = JSON.stringify(line).length + 1;
  reader.pause();
  lines.send({ type: 'plugin', plugin: 'x'.repeat(2 * UNREAD_LINES_BYTES) } as never);
  lines.send(line);
  assert.equal(ended, 0);
  reader.resume();
  await new Promise<void>((resolve) => stream.once('drain', resolve));
  for (let sent = 0; sent < 2 * UNREAD_LINES_BYTES; sent += size * 1000) {
    for (let at = 0; at < 1000; at += 1) lines.send(line);
    if (stream.writableNeedDrain) await new Promise<void>((resolve) => stream.once('drain', resolve));
  }
  assert.equal(ended, 0);
  reader.pause();
  for (let sent = 0; sent < 2 * UNREAD_LINES_BYTES && ended === 0; sent += size) lines.send(line);
  assert.ok(ended > 0);
  reader.destroy();
  stream.destroy();
  server.close();
});
