import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { listen } from '../harness/listener.js';
import { startBroker } from './start-broker.js';

const BURSTS = 1_000;
const AT_ONCE = 64;
/** It grows by 13 to 22 MiB, the more the newer Node is, and by 36 MiB if the young heap may grow. */
const MOST_GROWTH_KIB = 29 * 1024;
/** On a busy machine what a collection finds in use is more at times. */
const TRIES = 4;

/** @returns by how many KiB a new broker has grown */
async function growth(t: TestContext, port: number): Promise<number> {
  const broker = await startBroker();
  t.after(() => broker.stop());
  await broker.plugin('web', { allow: [`127.0.0.1:${port}`] });
  const channel = await broker.channel('web');
  const before = broker.residentKib();
  const descriptors = broker.descriptors();
  for (let at = 0; at < BURSTS; at += 1) {
    const burst = Array.from({ length: AT_ONCE }, () => channel.connect('127.0.0.1', port));
    for (const { descriptor } of await Promise.all(burst)) descriptor?.close();
    broker.lines.length = 0;
  }
  const grown = broker.residentKib() - before;
  await broker.untilNoMoreThan(descriptors);
  await broker.stop();
  return grown;
}

test('a broker keeps little memory after many connects at once', async (t) => {
  const server = await listen();
  t.after(() => server.close());
  const all: number[] = [];
  while (all.length < TRIES && Math.min(...all) >= MOST_GROWTH_KIB) all.push(await growth(t, server.port));
  assert.ok(Math.min(...all) < MOST_GROWTH_KIB, `${all} KiB`);
});
