import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../../../broker/request/connect.js';
import type { Way } from '../../../broker/request/connect-upstream.js';
import { LateTunnels } from '../../../broker/trap/late-tunnels.js';
import { LATE_TUNNELS } from '../../../shared/limits.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { streamSocketPair } from '../../../shared/sys/socket.js';

/** A connection whose peer is a socket of the test's. */
function connected(): { way: Way; socket: OwnedFd; peer: OwnedFd } {
  const [socket, peer] = streamSocketPair();
  const end = { bytes: new Uint8Array(4), port: 1 };
  const connection = { outcome: 'connected', socket, own: end, peer: end } as unknown as Connection;
  return { way: { connection }, socket, peer };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a late tunnel goes to the next connect to the same destination, and to no other', async () => {
  const tunnels = new LateTunnels();
  const { way, socket, peer } = connected();
  const first = await tunnels.begin('a', async () => way);
  assert.equal(first.wasLate, false);
  tunnels.keep(first);
  const other = connected();
  assert.equal((await tunnels.begin('b', async () => other.way)).wasLate, false);
  const next = await tunnels.begin('a', async () => other.way);
  assert.equal(next.wasLate, true);
  assert.equal(await next.way, way);
  const after = await tunnels.begin('a', async () => other.way);
  assert.equal(after.wasLate, false);
  for (const one of [socket, peer, other.socket, other.peer]) one.close();
});

test('a tunnel that has failed, or that its peer has ended, is begun anew', async () => {
  const tunnels = new LateTunnels();
  const fresh = connected();
  const failed = { connection: { outcome: 'refused', errno: 'EACCES', address: undefined } } as const;
  tunnels.keep(await tunnels.begin('a', async () => failed));
  assert.equal(await (await tunnels.begin('a', async () => fresh.way)).way, fresh.way);
  const ended = connected();
  tunnels.keep(await tunnels.begin('b', async () => ended.way));
  ended.peer.close();
  assert.equal(await (await tunnels.begin('b', async () => fresh.way)).way, fresh.way);
  await turn();
  assert.equal(ended.socket.open, false);
  for (const one of [fresh.socket, fresh.peer]) one.close();
});

// proves: upstream: so many late tunnels are kept and no more
test('so many are kept and no more, and the end of the sandbox ends them', async () => {
  const tunnels = new LateTunnels();
  const made = Array.from({ length: LATE_TUNNELS + 1 }, () => connected());
  const lives = [];
  for (const [index, { way }] of made.entries()) {
    const tunnel = await tunnels.begin(String(index), async () => way);
    lives.push(tunnel.life);
    tunnels.keep(tunnel);
  }
  await turn();
  assert.deepEqual(
    made.map(({ socket }) => socket.open),
    [...Array<boolean>(LATE_TUNNELS).fill(true), false],
  );
  tunnels.close();
  await turn();
  assert.ok(made.every(({ socket }) => !socket.open));
  assert.ok(lives.every(({ ended }) => ended === 'canceled'));
  const late = connected();
  tunnels.keep(await tunnels.begin('late', async () => late.way));
  await turn();
  assert.equal(late.socket.open, false);
  for (const { peer } of [...made, late]) peer.close();
});
