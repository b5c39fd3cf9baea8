import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { listen } from '../harness/listener.js';
import { startLiveBroker } from '../harness/live-broker.js';
import { until } from '../harness/until.js';

const CONNECTS = 200;

test('a peer that resets at once is ECONNRESET, before the hand-over with the reason reset, after it on the socket', async (t) => {
  const upstream = await listen((socket) => socket.resetAndDestroy());
  const broker = await startLiveBroker();
  t.after(async () => {
    await broker.process.stop();
    await upstream.close();
  });
  await broker.addPlugin('talker', [`127.0.0.1:${upstream.port}`]);
  const channel = broker.client('talker');
  const ends = new Map<string, number>();
  // Descriptors that the broker opens with its first connect stay open.
  await connectOver(() => channel, { host: '127.0.0.1', port: upstream.port }).then(
    (socket) => socket.on('error', () => {}).destroy(),
    () => {},
  );
  const before = broker.descriptors();
  for (let left = CONNECTS; left > 0; left -= 1) {
    const end = await connectOver(() => channel, { host: '127.0.0.1', port: upstream.port }).then(
      async (socket) => {
        socket.resume();
        const [error] = await Promise.race([once(socket, 'error'), once(socket, 'close')]).catch((cause) => [
          cause,
        ]);
        socket.destroy();
        return `socket ${(error as NodeJS.ErrnoException).code}`;
      },
      (error: { code: string; reason: string }) => `connect ${error.code} ${error.reason}`,
    );
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  for (const end of ends.keys())
    assert.ok(['socket ECONNRESET', 'connect ECONNRESET reset'].includes(end), `${end}`);
  assert.equal(
    [...ends.values()].reduce((sum, count) => sum + count),
    CONNECTS,
  );
  await until(() => broker.descriptors() <= before || undefined);
});
