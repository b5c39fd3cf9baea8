// proves: G8
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectOver } from '../../sandbox/plugin/connect-over.js';
import { listen } from '../harness/listener.js';
import { startLiveBroker } from '../harness/live-broker.js';
import { until } from '../harness/until.js';

const CONNECTS = 20_000;
/** A heap that has reached its size may still vary by this much between two collections: 100 bytes a connect. */
const SLACK_KIB = 4 * 1024;
/** During the first rounds V8 lets the heap grow to the size that the load needs. A leak grows in every round. */
const LOADS = 6;

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
  await load();
  const descriptors = broker.descriptors();
  const growth: number[] = [];
  do {
    const before = broker.residentKib();
    await load();
    growth.push(broker.residentKib() - before);
  } while (growth.length < LOADS && growth.every((kib) => kib >= SLACK_KIB));
  // A socket of the first load may still have been closing when they were counted.
  await until(() => broker.descriptors() <= descriptors || undefined);
  console.log(`the broker grew by ${growth.join(', ')} KiB, with ${descriptors} descriptors at most`);
  assert.ok(
    growth.some((kib) => kib < SLACK_KIB),
    `each load made the broker grow, by ${growth.join(', ')} KiB`,
  );
});
