import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { StallBudget } from '../../../broker/stall/stall-budget.js';
import { startGuards } from '../../../broker/stall/start-guards.js';
import { type ConnectUnix, connectsHere } from '../../../broker/trap/send-orders.js';
import type { UnixTarget } from '../../../shared/sys/connect-inside.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { openUnixDiag, SandboxListeners } from '../../../shared/sys/sandbox-listeners.js';
import { SOL_SOCKET, setOption, unixSocket } from '../../../shared/sys/socket.js';
import { FULL_QUEUE, holdFullQueue } from '../../harness/full-queue.js';
import { PATIENCE } from '../../harness/patience.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

const SO_SNDTIMEO = 21;
const WAIT_MS = 500;
const GIVE_UP_MS = 20_000 * PATIENCE;

function plainSocket(): OwnedFd {
  const socket = unixSocket('stream');
  assert.ok(typeof socket !== 'number');
  return socket;
}

/** A plugin of the broker's own ids, whose sandbox is this process's namespaces. @param scratch a folder in its own file system */
async function connectsOf(
  slow: boolean,
  scratch: string,
): Promise<{ readonly connect: ConnectUnix; readonly close: () => void }> {
  const { slowLane } = await startGuards();
  const stall = new StallBudget(() => {}, { hold: () => {} });
  if (slow) stall.wasSlow(false, 30, 30);
  const root = openFolder('/');
  const diag = openUnixDiag();
  const listeners = new SandboxListeners(diag.number, [statSync(scratch, { bigint: true }).dev]);
  return {
    connect: connectsHere({ root: root.number, listeners }, stall, slowLane),
    close: () => {
      root.close();
      diag.close();
    },
  };
}

/** @returns the milliseconds that the connect took, and the longest time in which this thread did nothing else */
async function timed(
  connect: ConnectUnix,
  fd: number,
): Promise<{ readonly took: number; readonly held: number }> {
  const started = performance.now();
  let last = started;
  let held = 0;
  const look = (): void => {
    held = Math.max(held, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 5);
  await new Promise((resolve) => connect(fd, FULL_QUEUE, resolve));
  look();
  clearInterval(timer);
  return { took: performance.now() - started, held };
}

// proves: a slow plugin's AF_UNIX connects wait on the slow lane
test('an AF_UNIX connect that a slow plugin makes wait does not hold the main thread', async () => {
  const { connect, close } = await connectsOf(true, '/');
  using socket = plainSocket();
  const limit = new BigInt64Array([0n, BigInt(WAIT_MS) * 1000n]);
  setOption(socket.number, SOL_SOCKET, SO_SNDTIMEO, new Uint8Array(limit.buffer));
  const holder = await holdFullQueue(socket);
  try {
    // The plugin must clear O_NONBLOCK at the right moment, which happens once in some hundred connects.
    const giveUpAt = performance.now() + GIVE_UP_MS;
    for (;;) {
      const { took, held } = await timed(connect, socket.number);
      if ((took < WAIT_MS / 2 || held >= took / 2) && performance.now() < giveUpAt) continue;
      assert.ok(took >= WAIT_MS / 2, 'the plugin made a connect wait');
      assert.ok(held < took / 2, `the main thread was held for ${held} of ${took} ms`);
      break;
    }
  } finally {
    holder.kill('SIGKILL');
    close();
  }
});

for (const slow of [false, true])
  test(`an AF_UNIX connect of a ${slow ? 'slow' : 'quick'} plugin reaches the socket at its path, and leaves no descriptor open`, async () => {
    const folder = readableFolder();
    const { connect, close } = await connectsOf(slow, folder);
    let heard = 0;
    const server = createServer((one) => {
      heard += 1;
      one.destroy();
    });
    server.listen(join(folder, 'socket'));
    await once(server, 'listening');
    const before = readdirSync('/proc/self/fd').length;
    const to = (name: string): UnixTarget => ({
      kind: 'path',
      path: Buffer.from(join(folder, name)),
      self: undefined,
    });
    const ask = (target: UnixTarget): Promise<number | 'host'> =>
      new Promise((resolve) => {
        const socket = plainSocket();
        connect(socket.number, target, (result) => {
          socket.close();
          resolve(result);
        });
      });
    try {
      const accepted = once(server, 'connection');
      assert.equal(await ask(to('socket')), 0);
      await accepted;
      assert.equal(await ask(to('absent')), -2);
      assert.equal(heard, 1);
      await until(() => readdirSync('/proc/self/fd').length <= before || undefined);
    } finally {
      server.close();
      close();
    }
  });

test('an AF_UNIX connect of a slow plugin is EAGAIN where the broker has no descriptor left for the slow lane', async () => {
  const stall = new StallBudget(() => {}, { hold: () => {} });
  stall.wasSlow(false, 30, 30);
  const listeners = new SandboxListeners(-1, []);
  const connect = connectsHere({ root: -1, listeners }, stall, {
    connect: () => Promise.reject(new Error('EMFILE')),
  });
  assert.equal(await new Promise((resolve) => connect(-1, FULL_QUEUE, resolve)), -11);
});
