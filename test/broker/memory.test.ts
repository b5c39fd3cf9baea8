import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listen } from '../harness/listener.js';
import { startBroker } from './start-broker.js';

const BURSTS = 1_000;
const AT_ONCE = 64;
/** It grows by 13 to 22 MiB, the more the newer Node is, and by 36 MiB if the young heap may grow. */
const MOST_GROWTH_KIB = 29 * 1024;

test('a broker keeps little memory after many connects at once', async (t) => {
  const server = await listen();
  const broker = await startBroker();
  t.after(async () => {
    await broker.stop();
    await server.close();
  });
  await broker.plugin('web', { allow: [`127.0.0.1:${server.port}`] });
  const channel = await broker.channel('web');
  const before = broker.residentKib();
  const descriptors = broker.descriptors();
  for (let at = 0; at < BURSTS; at += 1) {
    const burst = Array.from({ length: AT_ONCE }, () => channel.connect('127.0.0.1', server.port));
    for (const { descriptor } of await Promise.all(burst)) descriptor?.close();
    broker.lines.length = 0;
  }
  const growth = broker.residentKib() - before;
  assert.ok(growth < MOST_GROWTH_KIB, `${growth} KiB`);
  await broker.untilNoMoreThan(descriptors);
});
