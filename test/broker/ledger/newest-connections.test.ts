import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionRegister, newestConnections } from '../../../broker/ledger/connection-register.js';
import { type ConnectionSlot, SlotMemory } from '../../../broker/ledger/slot-memory.js';
import {
  CONNECTION_SLOTS,
  CONNECTIONS_MEMORY_BYTES,
  LISTED_AT_ONCE,
  SORTED_CONNECTIONS,
} from '../../../shared/limits.js';
import { LAYOUT } from '../../../shared/sys/layout.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';

const slot = (since: number): ConnectionSlot => ({ since }) as ConnectionSlot;
const always = (): boolean => true;

/** Counts the turns of the event loop until it is stopped. */
function countTurns(): () => number {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return turns;
  };
}

// proves: list: the broker turns to other work while it looks for the newest of many connections
test('of 65,536 connections the newest are found in parts, with turns for other work between them', async () => {
  const held = new Map<bigint, ConnectionSlot>();
  // In no order.
  for (let at = 0; at < CONNECTION_SLOTS; at += 1)
    held.set(BigInt(at), slot((at * 40_503) % CONNECTION_SLOTS));
  const turns = countTurns();
  const newest = await newestConnections(held, 1_000, always);
  assert.ok(turns() >= CONNECTION_SLOTS / SORTED_CONNECTIONS - 1);
  assert.deepEqual(
    newest.map(([, { since }]) => since),
    Array.from({ length: 1_000 }, (_, at) => CONNECTION_SLOTS - 1 - at),
  );
});

test('a connection that was looked at meanwhile is listed once, and one that has ended costs no other its place', async () => {
  const held = new Map<bigint, ConnectionSlot>();
  for (let at = 0; at < 3 * SORTED_CONNECTIONS; at += 1) held.set(BigInt(at), slot(at));
  const finding = newestConnections(held, 5, always);
  const [first] = held;
  for (let at = 0; at < 10; at += 1) {
    const cookie = BigInt(3 * SORTED_CONNECTIONS - 1 - at);
    const moved = held.get(cookie);
    held.delete(cookie);
    if (moved !== undefined && at > 0) held.set(cookie, moved);
  }
  if (first !== undefined) held.set(first[0], first[1]);
  const newest = (await finding).map(([, { since }]) => since);
  const last = 3 * SORTED_CONNECTIONS - 1;
  assert.deepEqual(newest, [last - 1, last - 2, last - 3, last - 4, last - 5]);
});

// proves: list: a register that is closed meanwhile is read no further
test('a register that changes all the time is read to an end, and a closed one no further', async () => {
  const held = new Map<bigint, ConnectionSlot>();
  for (let at = 0; at < CONNECTION_SLOTS; at += 1) held.set(BigInt(at), slot(at));
  const endless = {
    size: held.size,
    *[Symbol.iterator](): Generator<readonly [bigint, ConnectionSlot]> {
      for (;;) yield* held;
    },
  };
  assert.equal((await newestConnections(endless, 3, always)).length, 3);
  let reads = 0;
  const counting = {
    size: held.size,
    *[Symbol.iterator](): Generator<readonly [bigint, ConnectionSlot]> {
      for (const entry of held) {
        reads += 1;
        yield entry;
      }
    },
  };
  await newestConnections(counting, 3, () => false);
  assert.equal(reads, SORTED_CONNECTIONS);
});

test('a register with 65,536 connections lists the newest, and the broker has a turn after each part', async () => {
  using memory = createMemoryFile('test', CONNECTIONS_MEMORY_BYTES);
  const slots = new SlotMemory(memory);
  for (let at = 1; at <= CONNECTION_SLOTS; at += 1) {
    const one = slots.take();
    if (one === undefined) throw new Error('No slot');
    const view = new DataView(one.id.buffer, one.id.byteOffset);
    view.setBigUint64(LAYOUT['struct inet_diag_req_v2']['id.idiag_cookie'], BigInt(at), true);
    one.since = at;
  }
  const nothing = (): void => {};
  const ends = {
    knowsUnix: true,
    add: nothing,
    remove: nothing,
    own: nothing,
    disown: nothing,
    take: () => false,
    look: () => [],
  };
  const register = new ConnectionRegister(memory, ends, {
    ...{ held: nothing, carried: nothing },
    ...{ owe: nothing, ended: nothing },
  });
  assert.equal(register.open, CONNECTION_SLOTS);
  const turns = countTurns();
  const listed: bigint[] = [];
  let longest = 0;
  for await (const part of register.newest(1_000, LISTED_AT_ONCE)) {
    assert.ok(part.length <= LISTED_AT_ONCE);
    longest = Math.max(longest, part.length);
    listed.push(...part.map(({ cookie }) => cookie));
  }
  assert.deepEqual(
    listed,
    Array.from({ length: 1_000 }, (_, at) => BigInt(CONNECTION_SLOTS - at)),
  );
  assert.ok(turns() >= CONNECTION_SLOTS / SORTED_CONNECTIONS + 1_000 / LISTED_AT_ONCE - 1);
  register.close();
  slots.close();
});
