import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { listen } from '../harness/listener.js';
import { startBroker } from './start-broker.js';

const BURSTS = 1_000;
const AT_ONCE = 64;
/** Of one the kernel has no free port any more after 14,000 connects in a minute, and searches long. */
const LISTENERS = 16;
/** Under Node 20 it grows by 12 MiB, on a loaded machine by 20, and by 23 MiB if the young heap may grow. Under Node 24 by 23 to 34, and by 35 to 39. */
const MOST_GROWTH_KIB = (process.versions.node.startsWith('20.') ? 21 : 31) * 1024;
/** At times a collection finds more in use. */
const TRIES = 4;

/** @returns by how many KiB a new broker has grown */
async function growth(t: TestContext, ports: readonly number[]): Promise<number> {
  const broker = await startBroker();
  t.after(() => broker.stop());
  await broker.plugin('web', { allow: ports.map((port) => `127.0.0.1:${port}`) });
  const channel = await broker.channel('web');
  const before = broker.residentKib();
  const descriptors = broker.descriptors();
  for (let at = 0; at < BURSTS; at += 1) {
    const port = ports[at % LISTENERS] ?? 0;
    const burst = Array.from({ length: AT_ONCE }, () => channel.connect('127.0.0.1', port));
    for (const { descriptor } of await Promise.all(burst)) descriptor?.close();
    broker.lines.length = 0;
  }
  const grown = broker.residentKib() - before;
  await broker.untilNoMoreThan(descriptors);
  await broker.stop();
  return grown;
}

// proves: broker: its memory stays small after many connects
test('a broker keeps little memory after many connects at once', async (t) => {
  const servers = await Promise.all(Array.from({ length: LISTENERS }, () => listen()));
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const ports = servers.map(({ port }) => port);
  const all: number[] = [];
  while (all.length < TRIES && Math.min(...all) >= MOST_GROWTH_KIB) all.push(await growth(t, ports));
  assert.ok(Math.min(...all) < MOST_GROWTH_KIB, `${all} KiB`);
});
