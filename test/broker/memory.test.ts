// The broker's young heap does not grow with its load. By default V8 doubles it until it has 16 MiB and more, and an idle broker keeps that.
import assert from 'node:assert/strict';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { listen } from '../harness/listener.js';
import { readableFolder } from '../harness/users.js';
import { startBroker } from './start-broker.js';

const BURSTS = 25;
/** What waits survives collections, so the young heap would grow. */
const AT_ONCE = 512;
/** Of one the kernel has no free port any more after 14,000 connects in a minute, and searches long. */
const LISTENERS = 16;

/** It has 4 MiB, and 32 where it may grow. */
const MOST_KIB = 8 * 1024;

/** KiB of the young heap at each collection. */
function sizesOf(trace: string): readonly number[] {
  return [...trace.matchAll(/New space, .* committed: *(\d+) *KB/g)].map(([, size]) => Number(size));
}

// proves: broker: its memory stays small after many connects
test('the young heap of a broker stays as it is under load', async (t) => {
  const servers = await Promise.all(Array.from({ length: LISTENERS }, () => listen()));
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const ports = servers.map(({ port }) => port);
  const trace = join(readableFolder(), 'trace');
  using written = new OwnedFd(openSync(trace, 'w'));
  const options = ['--trace-gc', '--trace-gc-verbose'];
  const broker = await startBroker(undefined, { options, stdout: written.number });
  t.after(() => broker.stop());
  await broker.plugin('web', { allow: ports.map((port) => `127.0.0.1:${port}`) });
  const channel = await broker.channel('web');
  for (let at = 0; at < BURSTS; at += 1) {
    const port = ports[at % LISTENERS] ?? 0;
    const burst = Array.from({ length: AT_ONCE }, () => channel.connect('127.0.0.1', port));
    for (const { descriptor } of await Promise.all(burst)) descriptor?.close();
    broker.lines.length = 0;
  }
  const sizes = sizesOf(readFileSync(trace, 'utf8'));
  assert.ok(sizes.length > 10, `${sizes.length} collections`);
  assert.ok(Math.max(...sizes) <= MOST_KIB, `${sizes} KiB`);
});
