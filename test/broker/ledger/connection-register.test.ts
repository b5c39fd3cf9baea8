// proves: G8
import assert from 'node:assert/strict';
import { fstatSync, readFileSync } from 'node:fs';
import { after, before, type TestContext, test } from 'node:test';
import { ConnectionRegister } from '../../../broker/ledger/connection-register.js';
import type { ConnectionEvents, EndedConnection } from '../../../broker/ledger/register.js';
import type { Counted } from '../../../broker/ledger/slot-memory.js';
import { SlotMemory } from '../../../broker/ledger/slot-memory.js';
import { SocketEnds } from '../../../broker/ledger/socket-ends.js';
import { CONNECTION_SLOT_BYTES, CONNECTIONS_MEMORY_BYTES, LOOKS_PER_SECOND } from '../../../shared/limits.js';
import { createMemoryFile, MappedMemory } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { Endpoint } from '../../../shared/sys/sockaddr.js';
import {
  type Dialer,
  SOL_SOCKET,
  setOption,
  startConnect,
  streamSocketPair,
  tcpSocket,
} from '../../../shared/sys/socket.js';
import {
  cookieOf,
  EndedSockets,
  openEndedSockets,
  SOCKET_ID_BYTES,
  SocketDiag,
  type SocketLook,
  writeSocketId,
} from '../../../shared/sys/socket-diag.js';
import type { TcpAccount } from '../../../shared/sys/socket-state.js';
import { type Listener, listen } from '../../harness/listener.js';
import { until } from '../../harness/until.js';

const SO_RCVBUF = 8;

let listener: Listener;
before(async () => {
  listener = await listen();
});
after(() => listener.close());

interface Connection {
  readonly socket: OwnedFd;
  readonly own: Endpoint;
  readonly peer: Endpoint;
}

/** A connection of this process, made as the broker makes them. */
function connection(): Connection {
  const peer = { bytes: new Uint8Array([127, 0, 0, 1]), port: listener.port };
  const socket = tcpSocket(4);
  if (typeof socket === 'number') throw new Error(`No socket: ${socket}`);
  const dialer: Dialer = { own: undefined };
  startConnect(socket.number, peer, dialer);
  if (dialer.own === undefined) throw new Error('No address');
  return { socket, own: dialer.own, peer };
}

function write({ socket, own, peer }: Connection, into: Uint8Array): bigint {
  return writeSocketId(socket.number, own, peer, into);
}

/** How many messages the kernel dropped for a netlink socket: the last column but one of /proc/net/netlink. The last one is its inode. */
function dropped(socket: number): number {
  const { ino } = fstatSync(socket);
  const line = new RegExp(` (\\d+) +${ino} *$`, 'm').exec(readFileSync('/proc/net/netlink', 'utf8'));
  return Number(line?.[1]);
}

const HELD = { kind: 'there', inode: 1, uid: 0, account: undefined } as const;

function events(ended: EndedConnection[] = [], counted: Counted[] = []): ConnectionEvents {
  return {
    held: () => {},
    owe: () => {},
    ended: (one) => void ended.push(one),
    carried: (more) => void counted.push(more),
  };
}

/** A kernel that says nothing. */
const NO_ENDS = {
  knowsUnix: true,
  add: () => {},
  remove: () => {},
  own: () => {},
  disown: () => {},
  take: () => false,
  look: (): readonly SocketLook[] => [],
};

/** A simulated kernel, and a register that asks it. */
function limited(limit: number): {
  readonly connections: ConnectionRegister;
  readonly gone: Set<bigint>;
  readonly asked: () => number;
  readonly ended: EndedConnection[];
  /** What the metrics count. */
  readonly counted: () => readonly [sent: number, received: number];
  /** What each connection has carried from now on. */
  readonly carry: (sentBytes: number, receivedBytes: number) => void;
} {
  const gone = new Set<bigint>();
  let asked = 0;
  let account: TcpAccount | undefined;
  const ended: EndedConnection[] = [];
  const all: Counted[] = [];
  const ends = {
    knowsUnix: true,
    add: () => {},
    remove: () => {},
    own: () => {},
    disown: () => {},
    take: () => false,
    look: (ids: readonly Uint8Array[]): readonly SocketLook[] => {
      asked += ids.length;
      return ids.map((id) => (gone.has(cookieOf(id)) ? { kind: 'gone' } : { ...HELD, account }));
    },
  };
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const connections = new ConnectionRegister(memory, ends, events(ended, all));
  connections.bound(limit);
  const carry = (sentBytes: number, receivedBytes: number): void => {
    account = {
      established: true,
      isForgotten: false,
      sentBytes,
      writtenBytes: sentBytes,
      receivedBytes,
      rttMs: 1,
      retransmits: 0,
    };
  };
  const sum = (of: (one: Counted) => number): number => all.reduce((so, one) => so + of(one), 0);
  const counted = (): readonly [number, number] => [
    sum(({ sentBytes }) => sentBytes),
    sum(({ receivedBytes }) => receivedBytes),
  ];
  return { connections, gone, asked: () => asked, ended, counted, carry };
}

test('the kernel reports which sockets have ended with what they carried, that reports were lost, and which are held', async () => {
  const diag = new SocketDiag();
  using reports = openEndedSockets();
  const endedSockets = new EndedSockets();
  const id = new Uint8Array(SOCKET_ID_BYTES);
  const one = connection();
  const cookie = write(one, id);
  const other = id.slice();
  other[SOCKET_ID_BYTES - 1] = 1;
  const isThere = (look: SocketLook): boolean => look.kind === 'there' && look.inode !== 0;
  assert.deepEqual(
    diag
      .look(
        Array.from({ length: 100 }, (_, at) => (at % 3 === 0 ? other : id)),
        false,
      )
      .map(isThere),
    Array.from({ length: 100 }, (_, at) => at % 3 !== 0),
  );
  const [look] = diag.look([id], true);
  assert.ok(look?.kind === 'there' && look.account?.sentBytes === 0 && look.account.receivedBytes === 0);
  one.socket.close();
  await until(() => !diag.look([id], false).some(isThere) || undefined);
  // On a busy machine other sockets may end faster than the reports are read. Then the test waits for the end of its next one.
  const ending = new Set([cookie]);
  await until(() => {
    let found: true | undefined;
    let taken: ReturnType<EndedSockets['take']>;
    do {
      taken = endedSockets.take(
        reports.number,
        (ended) => (ending.has(ended) ? ending : undefined),
        (_, _cookie, account) => {
          if (account?.established === true) found = true;
        },
      );
    } while (taken !== 'none' && taken !== 'lost' && found === undefined);
    if (taken !== 'lost') return found;
    const next = connection();
    ending.add(write(next, id));
    next.socket.close();
    return undefined;
  });
  // The kernel makes it the smallest that it permits: few reports fill it.
  setOption(reports.number, SOL_SOCKET, SO_RCVBUF, 1);
  const before = dropped(reports.number);
  await until(() => {
    for (let count = 0; count < 20; count += 1) connection().socket.close();
    return dropped(reports.number) > before || undefined;
  });
  let taken: ReturnType<EndedSockets['take']> = 'some';
  while (taken === 'some' || taken === 'all')
    taken = endedSockets.take(
      reports.number,
      () => undefined,
      () => {},
    );
  assert.equal(taken, 'lost');
  diag.close();
});

test('if the kernel has lost reports, every connection is looked at, and what has ended is told without an account', async () => {
  const { connections, gone, ended } = limited(600);
  const made = Array.from({ length: 600 }, () => connection());
  for (const { socket, own, peer } of made) connections.claim().hold(socket, own, peer, DESCRIPTION);
  assert.equal(connections.claim().granted, false);
  const id = new Uint8Array(SOCKET_ID_BYTES);
  for (const one of made.slice(300)) gone.add(write(one, id));
  connections.endsLost();
  await until(() => connections.open === 300 || undefined);
  assert.equal(ended.length, 0, 'a report may come late');
  await until(() => ended.length === 300 || undefined);
  assert.ok(ended.every(({ account }) => account === undefined));
  for (const { socket } of made) socket.close();
  connections.close();
});

test('reports that the kernel lost during a look are missed by none', async () => {
  const { connections, gone, ended } = limited(600);
  const made = Array.from({ length: 600 }, () => connection());
  for (const { socket, own, peer } of made) connections.claim().hold(socket, own, peer, DESCRIPTION);
  const id = new Uint8Array(SOCKET_ID_BYTES);
  connections.endsLost();
  await new Promise(setImmediate);
  // They have been seen already, and the rest of that look comes to the first ones alone once more.
  for (const one of made.slice(170, 250)) gone.add(write(one, id));
  connections.endsLost();
  await until(() => ended.length === 80 || undefined);
  for (const { socket } of made) socket.close();
  connections.close();
});

test('the looks for a plugin that keeps asking at its limit are bounded', () => {
  const { connections, asked } = limited(10);
  const { socket, own, peer } = connection();
  for (let count = 0; count < 10; count += 1) connections.claim();
  const start = performance.now();
  for (let count = 0; count < 10; count += 1) assert.equal(connections.claim().granted, false);
  assert.equal(asked(), 0, 'what is being made is no use to look at');
  connections.close();

  const held = limited(1);
  held.connections.claim().hold(socket, own, peer, DESCRIPTION);
  for (let count = 0; count < 3 * LOOKS_PER_SECOND; count += 1) held.connections.claim();
  const seconds = (performance.now() - start) / 1000;
  assert.ok(held.asked() <= LOOKS_PER_SECOND * (1 + seconds) + 1, `${held.asked()} looks in ${seconds} s`);
  assert.ok(held.asked() >= LOOKS_PER_SECOND, `${held.asked()} looks`);
  socket.close();
  held.connections.close();
});

test('the newest connections are listed first, also if others were looked at meanwhile', async () => {
  const { connections } = limited(5);
  const made = Array.from({ length: 5 }, () => connection());
  const id = new Uint8Array(SOCKET_ID_BYTES);
  for (const { socket, own, peer } of made) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    connections.claim().hold(socket, own, peer, DESCRIPTION);
  }
  assert.equal(connections.claim().granted, false, 'looks at them, and so changes their order');
  const cookies = made.map((one) => write(one, id)).reverse();
  const listed = async (most: number): Promise<readonly bigint[]> => {
    const all: bigint[] = [];
    for await (const part of connections.newest(most, 2)) all.push(...part.map(({ cookie }) => cookie));
    return all;
  };
  assert.deepEqual(await listed(2), cookies.slice(0, 2));
  assert.deepEqual(await listed(9), cookies);
  assert.deepEqual(await listed(0), []);
  assert.equal(connections.noted().length, 5);
  const listing = listed(9);
  connections.close();
  assert.deepEqual(await listing, [], 'the memory of a closed register is not read');
  for (const { socket } of made) socket.close();
});

// proves: metrics: what was counted of a connection never counts again, and is never taken back
test('a survey looks at each connection in its turn, and what they have carried counts once', () => {
  const { connections, gone, asked, counted, carry } = limited(5);
  const made = Array.from({ length: 3 }, () => connection());
  const id = new Uint8Array(SOCKET_ID_BYTES);
  const cookies = made.map((one) => write(one, id));
  for (const { socket, own, peer } of made) connections.claim().hold(socket, own, peer, DESCRIPTION);
  carry(10, 100);
  connections.survey(2);
  assert.deepEqual(counted(), [20, 200]);
  connections.survey(1);
  assert.deepEqual(counted(), [30, 300]);
  carry(11, 100);
  connections.survey(3);
  assert.equal(asked(), 6);
  assert.deepEqual(counted(), [33, 300]);
  // The kernel forgets what a connection that it dissolves has carried.
  carry(0, 0);
  connections.survey(3);
  assert.deepEqual(counted(), [33, 300]);
  carry(11, 100);
  connections.survey(3);
  assert.deepEqual(counted(), [33, 300]);
  for (const cookie of cookies.slice(0, 2)) connections.socketEnded(cookie, undefined);
  assert.deepEqual(counted(), [33, 300], 'nobody knows more of them');
  // The kernel still delivers the last bytes of one that no process holds.
  gone.add(cookies[2] ?? 0n);
  connections.survey(9);
  assert.deepEqual([connections.open, counted()], [0, [33, 300]]);
  for (const { socket } of made) socket.close();
  connections.close();
  connections.survey(9);
});

// proves: quota: what is over makes the looks at others no rarer
test('what a look finds over is looked at no more, and told with the inode of its holder until it is counted', () => {
  const { connections, gone, asked, ended } = limited(3);
  const made = Array.from({ length: 3 }, () => connection());
  for (const { socket, own, peer } of made) {
    const claim = connections.claim();
    claim.hold(socket, own, peer, DESCRIPTION);
    claim.settle(true);
  }
  const [first = 0n, second = 0n, third = 0n] = connections.cookies;
  gone.add(first).add(second);
  connections.count(connections.cookies);
  assert.deepEqual([connections.cookies, connections.open], [[third], 1]);
  const before = asked();
  connections.count(connections.cookies);
  assert.equal(asked(), before + 1);
  assert.deepEqual([connections.hasOver(0), connections.hasOver(60_000)], [true, false]);
  const [over, ...more] = connections.over(0, (cookie) => cookie !== second);
  assert.deepEqual([over?.connection.cookie, more], [first, []]);
  assert.equal(over?.inode, fstatSync(made[0]?.socket.number ?? -1).ino);
  connections.socketEnded(first, undefined);
  assert.deepEqual(
    connections.over(0, () => true).map(({ connection: { cookie } }) => cookie),
    [second],
  );
  connections.endsLost();
  connections.socketEnded(second, undefined);
  assert.deepEqual([connections.hasOver(0), ended.length], [false, 2]);
  for (const { socket } of made) socket.close();
  connections.close();
});

// proves: quota: a sum never falls
test('what was seen of a connection stays in the sum, whatever the kernel says of it later', () => {
  const { connections, ended, carry } = limited(2);
  const made = [connection(), connection()];
  for (const { socket, own, peer } of made) connections.claim().hold(socket, own, peer, DESCRIPTION);
  const [dissolved = 0n, lost = 0n] = connections.cookies;
  carry(500, 50);
  connections.count([dissolved, lost]);
  carry(0, 0);
  connections.count([dissolved]);
  assert.deepEqual(connections.total(), { sentBytes: 1_000, receivedBytes: 100 });
  const nothing = {
    ...{ established: false, isForgotten: true, sentBytes: 0, writtenBytes: 0 },
    ...{ receivedBytes: 0, rttMs: 0, retransmits: 0 },
  };
  connections.socketEnded(dissolved, nothing);
  connections.socketEnded(lost, undefined);
  connections.socketEnded(lost, { ...nothing, established: true, writtenBytes: 7 });
  assert.deepEqual(connections.total(), { sentBytes: 1_000, receivedBytes: 100 });
  assert.equal(ended.length, 1, 'no event says that the first one was connected');
  for (const { socket } of made) socket.close();
  connections.close();
});

test('a place that is held, settled or given back after the register is gone writes nothing', () => {
  const { connections } = limited(3);
  const [one, two, three] = [connections.claim(), connections.claim(), connections.claim()];
  const { socket, own, peer } = connection();
  three.hold(socket, own, peer, DESCRIPTION);
  connections.close();
  one.hold(socket, own, peer, DESCRIPTION);
  two.release();
  three.settle(true);
  three.withdraw();
  assert.equal(connections.open, 1, 'as it was at the end');
  socket.close();
});

// proves: accounts: a connection is described before the plugin has it
test('a connection that ends before it is accounted for has its description', () => {
  const { connections, ended } = limited(2);
  const claims = [connections.claim(), connections.claim()];
  const made = claims.map((claim, at) => {
    const one = connection();
    claim.hold(one.socket, one.own, one.peer, { ...DESCRIPTION, decision_id: `a-${at}` });
    return one;
  });
  assert.deepEqual(
    connections.noted().map(({ isUnderWay }) => isUnderWay),
    [true, true],
  );
  claims[1]?.settle(true);
  const noted = connections.noted();
  assert.deepEqual(
    noted.map(({ isUnderWay, description }) => [isUnderWay, description?.decision_id]),
    [
      [true, 'a-0'],
      [false, 'a-1'],
    ],
  );
  for (const { cookie } of noted) connections.socketEnded(cookie, undefined);
  claims[0]?.settle(true);
  assert.deepEqual(
    ended.map(({ description }) => [description?.decision_id, description?.host, description?.port]),
    [
      ['a-0', 'api.example.com', 443],
      ['a-1', 'api.example.com', 443],
    ],
  );
  assert.equal(claims[0]?.decisionId, 'a-0');
  for (const { socket } of made) socket.close();
  connections.close();
});

// proves: accounts: the next broker finds the connections of the one before
test('the next broker finds the connections in the memory, with what describes them; a withdrawn one is not there', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const owned = new Set<bigint>();
  const ends = {
    knowsUnix: true,
    add: () => {},
    remove: () => {},
    own: (cookie: bigint) => void owned.add(cookie),
    disown: (cookie: bigint) => void owned.delete(cookie),
    take: () => false,
    look: (): readonly SocketLook[] => [],
  };
  const first = new ConnectionRegister(memory, ends, events());
  const made = Array.from({ length: 200 }, () => connection());
  const claims = made.map(({ socket, own, peer }) => {
    const claim = first.claim();
    claim.hold(socket, own, peer, { ...DESCRIPTION, port: own.port });
    return claim;
  });
  claims[3]?.withdraw();
  assert.equal(first.open, 199);
  const ended: EndedConnection[] = [];
  const next = new ConnectionRegister(memory, ends, events(ended));
  assert.equal(next.open, 199);
  const account = {
    established: true,
    isForgotten: false,
    sentBytes: 1,
    writtenBytes: 1,
    receivedBytes: 2,
    rttMs: 3,
    retransmits: 4,
  };
  for (const cookie of [...owned]) next.socketEnded(cookie, account);
  assert.equal(next.open, 0);
  assert.deepEqual(
    new Set(ended.map(({ description }) => description?.port)),
    new Set(made.filter((_, at) => at !== 3).map(({ own }) => own.port)),
  );
  assert.ok(ended.every(({ durationMs }) => durationMs >= 0 && durationMs < 60_000));
  for (const { socket } of made) socket.close();
  next.close();
});

/** Where a slot has its numbers: when the plugin got the connection, and the bytes sent and received. */
const NUMBERS = [SOCKET_ID_BYTES, SOCKET_ID_BYTES + 8, SOCKET_ID_BYTES + 16] as const;
const [SINCE] = NUMBERS;
const BAD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e300];

/** A register with connections, and its memory as a hostile broker sees it. */
function writtenOver(
  t: TestContext,
  count: number,
): {
  readonly memory: OwnedFd;
  readonly first: ConnectionRegister;
  readonly ended: EndedConnection[];
  readonly slots: readonly DataView[];
  /** The bytes of the connections that have ended. */
  readonly sums: Float64Array;
} {
  const memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const ended: EndedConnection[] = [];
  const first = new ConnectionRegister(memory, NO_ENDS, events(ended));
  const made = Array.from({ length: count }, () => connection());
  for (const { socket, own, peer } of made) first.claim().hold(socket, own, peer, DESCRIPTION);
  const mapped = new MappedMemory(memory.number, CONNECTIONS_MEMORY_BYTES);
  const slots = Array.from({ length: 64 }, (_, at) =>
    mapped.part((at + 1) * CONNECTION_SLOT_BYTES, CONNECTION_SLOT_BYTES),
  )
    .filter((slot) => cookieOf(slot) !== 0n)
    .map((slot) => new DataView(slot.buffer, slot.byteOffset, slot.length));
  assert.equal(slots.length, count);
  const head = mapped.part(8, 16);
  t.after(() => {
    for (const { socket } of made) socket.close();
    memory.close();
  });
  return { memory, first, ended, slots, sums: new Float64Array(head.buffer, head.byteOffset, 2) };
}

// proves: accounts: a slot that cannot be a connection is cleared
test('a slot whose numbers cannot be, or whose socket has another one, is cleared, and can be taken', (t) => {
  const { memory, slots } = writtenOver(t, 3 * BAD.length + 3);
  const later = slots[Symbol.iterator]();
  const next = (): DataView => later.next().value ?? assert.fail('too few slots');
  for (const at of NUMBERS) for (const bad of BAD) next().setFloat64(at, bad, true);
  next().setFloat64(SINCE, Number(process.hrtime.bigint() / 1_000_000n) + 60_000, true);
  const [one, other] = [next(), next()];
  const id = new Uint8Array(one.buffer, one.byteOffset, SOCKET_ID_BYTES).slice();
  new Uint8Array(other.buffer, other.byteOffset).set(id);
  const found = new SlotMemory(memory);
  assert.deepEqual(
    found.taken.map(({ cookie }) => cookie),
    [cookieOf(id)],
  );
  const cleared = Array.from({ length: slots.length - 1 }, () => found.take());
  assert.ok(cleared.every((slot) => slot?.cookie === 0n && slot.since === 0));
  found.close();
});

// proves: accounts: a number that another process wrote is checked
test('a number that is written into the memory later cannot end the broker: events and sums stay numbers', (t) => {
  for (const bad of BAD) {
    const { first, ended, slots, sums } = writtenOver(t, 1);
    for (const slot of slots) for (const at of NUMBERS) slot.setFloat64(at, bad, true);
    sums.fill(bad);
    assert.deepEqual([first.oldest(), first.total()], [0, { sentBytes: 0, receivedBytes: 0 }]);
    const [cookie = 0n] = first.cookies;
    first.socketEnded(cookie, undefined);
    assert.ok(Number.isFinite(ended[0]?.durationMs), `${bad}`);
    first.close();
  }
});

test('an end is owed while the next broker would still find the connection, and reported when it would not', () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const found: string[] = [];
  const note = (what: string) => (): void => {
    found.push(`${what}: ${new SlotMemory(memory).taken.length}`);
  };
  const ends = new SocketEnds();
  const register = new ConnectionRegister(memory, ends, {
    held: () => {},
    carried: () => {},
    owe: note('owed'),
    ended: note('reported'),
  });
  const { socket, own, peer } = connection();
  register.claim().hold(socket, own, peer, DESCRIPTION);
  const [cookie = 0n] = register.cookies;
  register.socketEnded(cookie, undefined);
  assert.deepEqual(found.splice(0), ['owed: 1', 'reported: 0']);
  const [a, b] = streamSocketPair();
  register.hostSockets.hold(a, { ...DESCRIPTION, host: 'unix:/x', rule: 'unix:/x', dialed: '/x' });
  const [noted] = register.hostSockets.noted();
  assert.ok(noted);
  register.hostSockets.ended(noted, undefined, 'revoked');
  assert.deepEqual(found, ['owed: 1', 'reported: 0']);
  register.close();
  ends.close();
  for (const one of [socket, a, b]) one.close();
});

test('a broker that ends reports what no process holds, and what is gone without a report', () => {
  const { connections, gone, ended } = limited(3);
  const made = Array.from({ length: 3 }, () => connection());
  for (const [at, { socket, own, peer }] of made.entries()) {
    const claim = connections.claim();
    claim.hold(socket, own, peer, { ...DESCRIPTION, port: at });
  }
  const [first = 0n] = connections.cookies;
  gone.add(first);
  connections.reportLast();
  assert.deepEqual(
    ended.map(({ description, account }) => [description?.port, account]),
    [[0, undefined]],
  );
  assert.equal(connections.open, 2);
  for (const { socket } of made) socket.close();
});

// proves: accounts: a report that comes a moment after the socket is gone is waited for
test('when a plugin ends, a report that comes a moment after the socket is gone says how the connection ended', () => {
  using memory = createMemoryFile('connections', CONNECTIONS_MEMORY_BYTES);
  const account: TcpAccount = {
    ...{ established: true, isForgotten: false, sentBytes: 7, writtenBytes: 7, receivedBytes: 5 },
    ...{ rttMs: 1, retransmits: 0 },
  };
  const ended: EndedConnection[] = [];
  let takes = 0;
  const late = {
    ...NO_ENDS,
    take: () => {
      takes += 1;
      if (takes === 3) register.socketEnded(register.cookies[0] ?? 0n, account);
      return false;
    },
    look: (ids: readonly Uint8Array[]): readonly SocketLook[] => ids.map(() => ({ kind: 'gone' })),
  };
  const register = new ConnectionRegister(memory, late, events(ended));
  const { socket, own, peer } = connection();
  register.claim().hold(socket, own, peer, DESCRIPTION);
  register.reportLast();
  assert.deepEqual(
    ended.map((one) => one.account),
    [account],
  );
  register.close();
  socket.close();
});

test('a description that is too long loses its last names, and at last its rule', () => {
  const { connections, ended } = limited(2);
  const id = new Uint8Array(SOCKET_ID_BYTES);
  const names = Array.from({ length: 40 }, (_, at) => `${'n'.repeat(60)}${at}.example.com`);
  const rules = ['api.example.com', 'r'.repeat(2_000)];
  for (const rule of rules) {
    const one = connection();
    const claim = connections.claim();
    claim.hold(one.socket, one.own, one.peer, { ...DESCRIPTION, names, rule });
    const cookie = write(one, id);
    connections.socketEnded(cookie, undefined);
    one.socket.close();
  }
  const [first, second] = ended.map(({ description }) => description);
  assert.equal(first?.rule, 'api.example.com');
  assert.ok(first.names.length > 5 && first.names.length < 40);
  assert.deepEqual(first.names, names.slice(0, first.names.length));
  assert.equal(second?.rule, null);
  connections.close();
});

const DESCRIPTION = {
  decision_id: 'a-1',
  decision: 'allow',
  connected: true,
  host: 'api.example.com',
  port: 443,
  rule: 'api.example.com',
  dialed: '127.0.0.1',
  names: [],
  approved: false,
  tunnelled: null,
  door: 'trap',
  pid: 1,
  program: 'test',
} as const;
