import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionRegister } from '../../../broker/ledger/connection-register.js';
import type { HostSocketRegister } from '../../../broker/ledger/host-socket-register.js';
import type { ConnectionDescription } from '../../../broker/ledger/register.js';
import { SocketEnds } from '../../../broker/ledger/socket-ends.js';
import { CONNECTIONS_MEMORY_BYTES, HOST_SOCKETS } from '../../../shared/limits.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { streamSocketPair } from '../../../shared/sys/socket.js';
import { cookieOf, type SocketLook } from '../../../shared/sys/socket-diag.js';

const HOST = 'unix:/run/x.sock';
const CONNECTION: ConnectionDescription = {
  decision_id: 'a-1',
  decision: 'allow',
  host: HOST,
  port: 0,
  rule: HOST,
  dialed: '/run/x.sock',
  names: [],
  approved: false,
  tunnelled: null,
  door: 'trap',
  pid: null,
  program: null,
};

const THERE: SocketLook = { kind: 'there', inode: 1, uid: 0, account: undefined };
const NO_EVENTS = { held: () => {}, carried: () => {}, owe: () => {}, ended: () => {} };

function makeRegister(memory: OwnedFd): {
  register: ConnectionRegister;
  sockets: HostSocketRegister;
  causes: unknown[];
} {
  const causes: unknown[] = [];
  const register = new ConnectionRegister(memory, new SocketEnds(), {
    held: () => {},
    carried: () => {},
    owe: () => {},
    ended: (one) => causes.push(one.cause),
  });
  return { register, sockets: register.hostSockets, causes };
}

function hold(sockets: HostSocketRegister): { readonly close: () => void } {
  const [socket, peer] = streamSocketPair();
  const claim = sockets.hold(socket, CONNECTION);
  assert.ok(typeof claim === 'object' && claim.granted);
  return {
    close: () => {
      socket.close();
      peer.close();
    },
  };
}

test('connections to UNIX sockets are noted beside the others, and no limit counts them', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const { register, sockets, causes } = makeRegister(memory);
  register.bound(1);
  const two = [hold(sockets), hold(sockets)];
  assert.equal(register.open, 0);
  assert.ok(register.claim().granted);
  const noted = sockets.noted();
  assert.deepEqual(
    noted.map(({ description }) => [description?.host, description?.dialed]),
    [
      [HOST, '/run/x.sock'],
      [HOST, '/run/x.sock'],
    ],
  );
  assert.deepEqual(
    sockets.look(noted).map(({ kind }) => kind),
    ['there', 'there'],
  );
  const [first] = noted;
  assert.ok(first);
  sockets.ended(first, undefined, 'revoked');
  assert.deepEqual([sockets.noted().length, causes], [1, ['revoked']]);
  for (const one of two) one.close();
  register.close();
});

// proves: accounts: ended connections to UNIX sockets give their slots back
test('those that have ended give their slots back while others are made', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const { register, sockets, causes } = makeRegister(memory);
  const kept = hold(sockets);
  for (let count = 0; count < 500; count += 1) hold(sockets).close();
  assert.ok(sockets.noted().length <= 4, `${sockets.noted().length}`);
  const looks = sockets.look(sockets.noted());
  assert.equal(looks.filter(({ kind }) => kind === 'there').length, 1);
  assert.equal(sockets.noted().length, 1);
  assert.deepEqual(causes, []);
  kept.close();
  register.close();
});

// proves: a plugin has so many connections to UNIX sockets
test('a plugin with many of them gets no further one, until one has ended', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const gone = new Set<bigint>();
  const looks: number[] = [];
  const ends = new SocketEnds();
  const look = (ids: readonly Uint8Array[]): readonly SocketLook[] => {
    looks.push(ids.length);
    return ids.map((id) => (gone.has(cookieOf(id)) ? { kind: 'gone' } : THERE));
  };
  const register = new ConnectionRegister(memory, Object.assign(ends, { look }), NO_EVENTS);
  const { hostSockets } = register;
  for (let count = 0; count < HOST_SOCKETS; count += 1) hold(hostSockets).close();
  const [socket, peer] = streamSocketPair();
  assert.equal(hostSockets.hold(socket, CONNECTION), 'full');
  const [last] = hostSockets.noted().slice(-1);
  gone.add(last?.cookie ?? 0n);
  let refused = 0;
  for (; hostSockets.hold(socket, CONNECTION) === 'full'; refused += 1)
    assert.ok(refused < HOST_SOCKETS / 32, `${refused} refusals`);
  // A connect costs some questions, and never one for each connection.
  assert.equal(Math.max(...looks), 32);
  socket.close();
  peer.close();
  register.close();
});

test('the next broker finds them in the memory; a closed register notes nothing', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const first = makeRegister(memory);
  const [kept, gone] = [hold(first.sockets), hold(first.sockets)];
  gone.close();
  first.register.close();
  const [socket, peer] = streamSocketPair();
  assert.equal(first.sockets.hold(socket, CONNECTION), undefined);
  socket.close();
  peer.close();
  const next = makeRegister(memory);
  assert.equal(next.register.open, 0);
  assert.deepEqual(
    next.sockets
      .look(next.sockets.noted())
      .map(({ kind }) => kind)
      .sort(),
    ['gone', 'there'],
  );
  assert.deepEqual(
    next.sockets.noted().map(({ description }) => description?.host),
    [HOST],
  );
  kept.close();
  next.register.close();
});
