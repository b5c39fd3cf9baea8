import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { listen } from '../harness/listener.js';
import { startLiveBroker } from '../harness/live-broker.js';
import { until } from '../harness/until.js';

const CONNECTS = 20_000;
/** What a heap may come and go by between two collections, once it has its size. */
const SLACK_KIB = 12 * 1024;

test('20,000 sequential and 20,000 concurrent connects leave descriptors and memory of the broker flat', async (t) => {
  const upstream = await listen((socket) => socket.end());
  const broker = await startLiveBroker(10);
  t.after(async () => {
    await broker.process.stop();
    await upstream.close();
  });
  await broker.addPlugin('soak', [`127.0.0.1:${upstream.port}`]);
  const channel = broker.client('soak');
  const connects = async (count: number, abreast: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: abreast }, async () => {
        for (let left = count / abreast; left > 0; left -= 1) {
          const socket = await connectOver(() => channel, { host: '127.0.0.1', port: upstream.port });
          socket.destroy();
        }
      }),
    );
  };
  const load = async (): Promise<void> => {
    await connects(CONNECTS, 1);
    await connects(CONNECTS - (CONNECTS % 64), 64);
  };
  // The same load once before: V8 lets a heap grow to the size that the load wants.
  await load();
  const descriptors = broker.descriptors();
  const resident = broker.residentKib();
  await load();
  await until(() => broker.descriptors() === descriptors || undefined);
  const grown = broker.residentKib() - resident;
  assert.ok(grown < SLACK_KIB, `the broker grew by ${grown} KiB`);
  console.log(`the broker grew by ${grown} KiB, descriptors stayed at ${descriptors}`);
});
