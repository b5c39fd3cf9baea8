import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { OpenConnections } from '../../../broker/limit/open-connections.js';
import { LOOKS_PER_SECOND } from '../../../shared/limits.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../../shared/sys/sockaddr.js';
import { startConnect, tcpSocket } from '../../../shared/sys/socket.js';
import { cookieOf, SOCKET_ID_BYTES, SocketDiag, writeSocketId } from '../../../shared/sys/socket-diag.js';
import { type Listener, listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';

let listener: Listener;
before(async () => {
  listener = await listen();
});
after(() => listener.close());

/** A connection of this process, made as the broker makes them. */
function connection(): { readonly socket: OwnedFd; readonly peer: Endpoint } {
  const peer = { bytes: new Uint8Array([127, 0, 0, 1]), port: listener.port };
  const socket = tcpSocket(4);
  if (typeof socket === 'number') throw new Error(`No socket: ${socket}`);
  startConnect(socket.number, peer);
  return { socket, peer };
}

/** How many messages the kernel dropped for sockets of NETLINK_SOCK_DIAG: the last column but one of /proc/net/netlink. */
function dropped(): number {
  const sockets = readFileSync('/proc/net/netlink', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return sockets.reduce((sum, columns) => sum + (columns[1] === '4' ? Number(columns[8]) : 0), 0);
}

/** A simulated kernel, and a limit that asks it. */
function limited(limit: number): {
  readonly connections: OpenConnections;
  readonly gone: Set<bigint>;
  readonly asked: () => number;
} {
  const gone = new Set<bigint>();
  let asked = 0;
  const ends = {
    add: () => {},
    remove: () => {},
    take: () => {},
    areHeld: (ids: readonly Uint8Array[]) => {
      asked += ids.length;
      return ids.map((id) => !gone.has(cookieOf(id)));
    },
  };
  using memory = createMemoryFile('test', limit * SOCKET_ID_BYTES);
  return { connections: new OpenConnections(limit, memory, ends), gone, asked: () => asked };
}

test('the kernel reports which sockets have ended, that reports were lost, and which sockets are held', async () => {
  const diag = new SocketDiag();
  const id = new Uint8Array(SOCKET_ID_BYTES);
  const { socket, peer } = connection();
  const cookie = writeSocketId(socket.number, peer, id);
  const other = id.slice();
  other[SOCKET_ID_BYTES - 1] = 1;
  assert.deepEqual(
    diag.areHeld(Array.from({ length: 100 }, (_, at) => (at % 3 === 0 ? other : id))),
    Array.from({ length: 100 }, (_, at) => at % 3 !== 0),
  );
  socket.close();
  await until(() => !diag.areHeld([id])[0] || undefined);
  // On a busy machine other sockets may end faster than the reports are read. Then the test waits for the end of its next one.
  const ending = new Set([cookie]);
  await until(() => {
    const ended = diag.takeEnded();
    if (ended !== 'lost') return ended.some((one) => ending.has(one)) || undefined;
    const next = connection();
    ending.add(writeSocketId(next.socket.number, next.peer, id));
    next.socket.close();
    return undefined;
  });
  const before = dropped();
  await until(() => {
    for (let count = 0; count < 200; count += 1) connection().socket.close();
    return dropped() > before || undefined;
  });
  assert.equal(diag.takeEnded(), 'lost');
  diag.close();
});

test('if the kernel has lost reports, every connection is looked at', async () => {
  const { connections, gone } = limited(600);
  const sockets = Array.from({ length: 600 }, () => connection());
  for (const { socket, peer } of sockets) connections.claim().hold(socket, peer);
  assert.equal(connections.claim().granted, false);
  const id = new Uint8Array(SOCKET_ID_BYTES);
  for (const { socket, peer } of sockets.slice(300)) gone.add(writeSocketId(socket.number, peer, id));
  connections.endsLost();
  await until(() => connections.count === 300 || undefined);
  for (const { socket } of sockets) socket.close();
  connections.close();
});

test('the looks for a plugin that keeps asking at its limit are bounded', () => {
  const { connections, asked } = limited(10);
  const { socket, peer } = connection();
  for (let count = 0; count < 10; count += 1) connections.claim();
  const start = performance.now();
  for (let count = 0; count < 10; count += 1) assert.equal(connections.claim().granted, false);
  assert.equal(asked(), 0, 'what is being made is no use to look at');
  connections.close();

  const held = limited(1);
  held.connections.claim().hold(socket, peer);
  for (let count = 0; count < 3 * LOOKS_PER_SECOND; count += 1) held.connections.claim();
  const seconds = (performance.now() - start) / 1000;
  assert.ok(held.asked() <= LOOKS_PER_SECOND * (1 + seconds) + 1, `${held.asked()} looks in ${seconds} s`);
  assert.ok(held.asked() >= LOOKS_PER_SECOND, `${held.asked()} looks`);
  socket.close();
  held.connections.close();
});

test('a place that is held or released after the limit is gone writes nothing', () => {
  const { connections } = limited(2);
  const [one, two] = [connections.claim(), connections.claim()];
  connections.close();
  const { socket, peer } = connection();
  one.hold(socket, peer);
  two.release();
  assert.equal(connections.count, 0);
  socket.close();
});
