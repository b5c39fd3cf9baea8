// What the supervisor answers to a broker that was taken over, and how much.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fstatSync, ftruncateSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TallyReader } from '../../../sandbox/supervisor/broker/broker-events.js';
import { BrokerLines } from '../../../sandbox/supervisor/broker/broker-lines.js';
import {
  ChannelKeeper,
  ConnectionsKeeper,
  MarkKeeper,
  TrapKeeper,
} from '../../../sandbox/supervisor/broker/kept.js';
import {
  CHANNELS_PER_PLUGIN,
  CONNECTIONS_MEMORY_BYTES,
  DNS_ANSWERS,
  GIVEN_NAMES_A_LINE,
  MAX_BROKER_LINE_BYTES,
  NOTIFIED_CALLS,
  REQUEST_MARKS,
  UNREAD_LINES_BYTES,
} from '../../../shared/limits.js';
import { MAX_PORT_ITEMS } from '../../../shared/policy/parse-ports.js';
import { duplicate } from '../../../shared/sys/fcntl.js';
import { bind } from '../../../shared/sys/libc.js';
import { createSealedFile, MappedMemory } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makePipe } from '../../../shared/sys/pipe.js';
import { NOTIFICATION_BYTES } from '../../../shared/sys/seccomp-notify.js';
import { SOL_NETLINK, setOption } from '../../../shared/sys/socket.js';
import { EndedSockets } from '../../../shared/sys/socket-diag.js';
import { socketCookie } from '../../../shared/sys/socket-state.js';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

function opened(keeper: ChannelKeeper, plugin: string): number {
  const { kept, ends } = keeper.open(plugin);
  ends.request.close();
  ends.reply.close();
  return kept.session;
}

// proves: a broker opens no more than a plugin's channels
test('a broker opens no more channels for a plugin than the plugin may have', () => {
  const keeper = new ChannelKeeper();
  const other = opened(keeper, 'other');
  const first = opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', other), false);
  while (keeper.all().length < CHANNELS_PER_PLUGIN) opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', first), true);
  opened(keeper, 'web');
  assert.equal(keeper.mayOpen('web', first), false);
  assert.equal(keeper.mayOpen('other', other), true);
  for (const { session } of keeper.all()) keeper.drop(session);
});

test('the end of a channel is answered once, also after the supervisor has dropped it', () => {
  const keeper = new ChannelKeeper();
  const [first, second, third] = [opened(keeper, 'web'), opened(keeper, 'web'), opened(keeper, 'web')];
  assert.equal(keeper.ended(third + 1), false);
  assert.equal(keeper.ended(first), true);
  assert.equal(keeper.ended(first), false);
  keeper.drop(second);
  assert.equal(keeper.ended(second), true);
  assert.equal(keeper.ended(second), false);
  keeper.restart();
  assert.equal(keeper.ended(third), true);
});

// proves: a broker that leaves lines unread is ended
test('a broker that leaves lines unread is ended, and not one that reads or gets long rules', async () => {
  const path = join(readableFolder(), 'lines.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const stream = createConnection(path);
  const [reader] = await connected;
  let ended = 0;
  const lines = new BrokerLines(stream, stream, () => {
    ended += 1;
  });
  const line = { type: 'metrics', id: 1 } as const;
  const size = JSON.stringify(line).length + 1;
  reader.pause();
  lines.send({ type: 'plugin', plugin: 'x'.repeat(2 * UNREAD_LINES_BYTES) } as never);
  lines.send(line);
  assert.equal(ended, 0);
  reader.resume();
  await new Promise<void>((resolve) => stream.once('drain', resolve));
  for (let sent = 0; sent < 2 * UNREAD_LINES_BYTES; sent += size * 1000) {
    for (let at = 0; at < 1000; at += 1) lines.send(line);
    if (stream.writableNeedDrain) await new Promise<void>((resolve) => stream.once('drain', resolve));
  }
  assert.equal(ended, 0);
  reader.pause();
  for (let sent = 0; sent < 2 * UNREAD_LINES_BYTES && ended === 0; sent += size) lines.send(line);
  assert.ok(ended > 0);
  reader.destroy();
  stream.destroy();
  server.close();
});

// proves: a broker's line is short
test('a line of a broker that is longer than any broker writes is not read, and the longest ones are', async () => {
  const path = join(readableFolder(), 'long.sock');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const stream = createConnection(path);
  const [broker] = await connected;
  const seen: string[] = [];
  const lines = new BrokerLines(stream, stream, () => {});
  lines.on('line', ({ type }) => seen.push(type));
  const name = `${`${'a'.repeat(62)}.`.repeat(4)}a`;
  const rule = `${name}:${Array(MAX_PORT_ITEMS).fill('10000-20000').join()}`;
  const address = '2001:db8:1111:2222:3333:4444:5555:6666';
  const names = Array(GIVEN_NAMES_A_LINE).fill({ address, name, standsFor: false });
  const fate = { address, class: 'special', fate: 'address_special', rule };
  const explanation = {
    ...{ decision: 'deny', reason: 'address_special', rule, host: name, port: 443, message: 'no' },
    ...{ suggestion: rule, name_suggestion: rule, addresses: Array(2 * DNS_ANSWERS).fill(fate), way: null },
  };
  const longest = [
    { type: 'given_names', session: 1, names },
    { type: 'explained', id: 1, explanation },
  ];
  for (const line of longest) broker.write(`${JSON.stringify(line)}\n`);
  broker.write(`{"type":"pong","id":1,"x":"${'x'.repeat(MAX_BROKER_LINE_BYTES)}"}\n`);
  broker.end('{"type":"pong","id":2}\n');
  await lines.closed;
  assert.deepEqual(
    seen,
    longest.map(({ type }) => type),
  );
  broker.destroy();
  server.close();
});

const WORD = 8;
const F_ADD_SEALS = 1033;
const F_SEAL_FUTURE_WRITE = 16;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const fcntl = bind('int fcntl(int fd, int command, long argument)');
const fallocate = bind('int fallocate(int fd, int mode, long offset, long length)');

/** All memory that a broker gets, by its sizes. */
function keptMemory(): readonly (readonly [memory: OwnedFd, bytes: number, close: () => void])[] {
  const [connections, marks, tally, traps] = [
    new ConnectionsKeeper(),
    new MarkKeeper(),
    new TallyReader(),
    new TrapKeeper(),
  ];
  const listed = connections.keep('web');
  const facts = { plugin: 'web', landlockDeniesTcp: false, scratch: [], kill: () => {} };
  const trap = traps.keep(
    [0, 1, 2, 3, 4].map(() => makePipe().read),
    { ...facts, pluginId: undefined, pidNamespace: undefined },
  );
  const [, calls] = trap.descriptors;
  assert.ok(listed !== undefined && calls !== undefined);
  return [
    [listed.memory, CONNECTIONS_MEMORY_BYTES, () => connections.close()],
    [marks.memory, REQUEST_MARKS * WORD, () => marks.close()],
    [tally.memory, WORD, () => tally.close()],
    [
      calls,
      NOTIFIED_CALLS * NOTIFICATION_BYTES,
      () => {
        for (const descriptor of traps.drop(trap.number)) descriptor.close();
      },
    ],
  ];
}

// proves: a broker changes the size of no memory that the next one gets
test('a broker neither cuts nor grows the memory that it gets, and the next one can use all of it', () => {
  for (const [kept, bytes, close] of keptMemory()) {
    using its = duplicate(kept.number);
    for (const size of [0, bytes - 1, bytes + 1])
      assert.throws(() => ftruncateSync(its.number, size), { code: 'EPERM' }, `${size} of ${bytes}`);
    assert.throws(() => writeSync(its.number, 'x', bytes), { code: 'EPERM' });
    assert.equal(fallocate(its.number, 0, bytes, 1), -constants.errno.EPERM);
    assert.equal(fcntl(its.number, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -constants.errno.EPERM);
    const next = new MappedMemory(kept.number, bytes);
    const last = next.part(bytes - 1, 1);
    assert.equal(last[0], 0);
    last[0] = 1;
    next.close();
    close();
  }
});

/** What a former broker, or who has it from that, writes into its memory after the next one has its own. */
function overwritten(memory: () => OwnedFd, bytes: number, renew: () => void): readonly number[] {
  const all = (fd: number): MappedMemory => new MappedMemory(fd, bytes);
  const former = all(memory().number);
  const places = [0, bytes >> 1, bytes - 1];
  for (const at of places) former.part(at, 1)[0] = 7;
  renew();
  for (const at of places) former.part(at, 1)[0] = 9;
  const next = all(memory().number);
  const found = places.map((at) => next.part(at, 1)[0] ?? -1);
  next.close();
  former.close();
  return found;
}

// proves: accounts: who has a former broker's register changes nothing of the next one's
test("the next broker has a register of its own, with what the former one noted: the former one's is worth nothing", () => {
  const keeper = new ConnectionsKeeper();
  keeper.keep('web');
  keeper.keep('gone');
  keeper.leave('gone');
  for (const at of [0, 1]) {
    const memory = (): OwnedFd => {
      const kept = keeper.all()[at];
      assert.ok(kept !== undefined);
      return kept.memory;
    };
    assert.deepEqual(
      overwritten(memory, CONNECTIONS_MEMORY_BYTES, () => keeper.renewMemory()),
      [7, 7, 7],
    );
    const { blocks } = fstatSync(memory().number);
    assert.ok(
      blocks * 512 < CONNECTIONS_MEMORY_BYTES / 100,
      `${blocks} blocks: what was not used takes no memory`,
    );
  }
  keeper.close();
});

// proves: who has a former broker's memory of calls changes none of the next one's
test("the next broker has a memory of calls of its own, with the former one's calls", () => {
  const traps = new TrapKeeper();
  const ends = [0, 1, 2, 3, 4].map(() => makePipe().read);
  const facts = { plugin: 'web', landlockDeniesTcp: false, scratch: [], kill: () => {} };
  const { number: session } = traps.keep(ends, { ...facts, pluginId: undefined, pidNamespace: undefined });
  const calls = (): OwnedFd => {
    const kept = traps.get(session);
    assert.ok(kept?.descriptors[1] === kept?.calls && kept !== undefined);
    return kept.calls;
  };
  const found = overwritten(calls, NOTIFIED_CALLS * NOTIFICATION_BYTES, () => traps.renewMemory());
  assert.deepEqual(found, [7, 7, 7]);
  const last = calls();
  for (const descriptor of traps.drop(session)) descriptor.close();
  assert.equal(
    [...ends, last].some(({ open }) => open),
    false,
  );
});

// proves: who has a former broker's marks blames no plugin
test('the next broker has marks of its own', () => {
  const marks = new MarkKeeper();
  const found = overwritten(
    () => marks.memory,
    REQUEST_MARKS * WORD,
    () => marks.renewMemory(),
  );
  assert.deepEqual(found, [0, 0, 0]);
  marks.close();
});

// proves: unix orders: no broker has the socket by which the supervisor asks
test('where the supervisor connects AF_UNIX sockets, the broker does not get its socket for questions', () => {
  for (const pluginId of [undefined, 65_534]) {
    const traps = new TrapKeeper();
    const ends = [0, 1, 2, 3, 4].map(() => makePipe().read);
    const facts = { plugin: 'web', landlockDeniesTcp: false, scratch: [], kill: () => {} };
    const {
      number: session,
      descriptors,
      unixDiag,
    } = traps.keep(ends, {
      ...facts,
      pluginId,
      pidNamespace: undefined,
    });
    assert.equal(descriptors.includes(unixDiag), pluginId === undefined);
    for (const descriptor of traps.drop(session)) descriptor.close();
    assert.equal(
      [...ends, ...descriptors].some(({ open }) => open),
      false,
    );
  }
});

// proves: launch: a broker changes no spec on its way
test('a broker that takes the file of a spec changes none of it', () => {
  const text = '{"command":["/bin/true"]}';
  using sent = createSealedFile('spec', Buffer.from(text));
  using its = duplicate(sent.number);
  assert.throws(() => writeSync(its.number, '{', 0), { code: 'EPERM' });
  assert.throws(() => ftruncateSync(its.number, 1), { code: 'EPERM' });
  assert.equal(
    fallocate(its.number, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1),
    -constants.errno.EPERM,
  );
  assert.throws(() => new MappedMemory(its.number, text.length), { code: 'EPERM' });
  // By its path it would be open for writing anew, also as another user.
  assert.throws(() => writeFileSync(`/proc/self/fd/${its.number}`, '{', { flag: 'r+' }), { code: 'EPERM' });
  assert.equal(readFileSync(sent.number, 'utf8'), text);
});

const NETLINK_DROP_MEMBERSHIP = 2;

/** Makes a TCP connection and ends it. @returns the cookie of its socket here */
async function endedConnection(): Promise<bigint> {
  const server = createServer((peer) => peer.on('error', () => peer.destroy())).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const cookie = socketCookie(fd);
  socket.resetAndDestroy();
  server.close();
  await once(server, 'close');
  return cookie;
}

// proves: accounts: a broker cannot make its successor deaf
test('a broker that makes its reports of ended sockets deaf takes none from the next broker', async () => {
  const keeper = new ConnectionsKeeper();
  const endedSockets = new EndedSockets();
  const first = keeper.renewReports();
  assert.ok(first?.former !== undefined);
  first.former.close();
  using its = duplicate(first.reports.number);
  for (const group of [1, 3]) setOption(its.number, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, group);
  const next = keeper.renewReports();
  assert.ok(next !== undefined);
  const cookie = await endedConnection();
  await until(() => {
    let seen = false;
    while (
      endedSockets.take(
        next.reports.number,
        (ended) => ended === cookie || undefined,
        () => {
          seen = true;
        },
      ) !== 'none'
    );
    return seen || undefined;
  });
  next.former?.close();
  keeper.close();
});
