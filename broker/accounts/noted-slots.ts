// The open connections of a register as the rest of the broker sees them. Runs in the broker.
import { peerIn, type SocketLook } from '../../shared/sys/socket-diag.js';
import { readDescription } from './connection-description.js';
import type { NotedConnection } from './connection-places.js';
import type { ConnectionSlot } from './connection-slots.js';

/** A slot by its cookie. */
export type Entry = readonly [cookie: bigint, slot: ConnectionSlot];

/** @returns nothing without a slot */
export function entryOf(cookie: bigint, slot: ConnectionSlot | undefined): readonly Entry[] {
  return slot === undefined ? [] : [[cookie, slot]];
}

export function notedOf(slot: ConnectionSlot): NotedConnection {
  const { cookie, since, id, isUnderWay } = slot;
  return { cookie, since, description: readDescription(slot), peer: peerIn(id), isUnderWay };
}

/** When the oldest began; undefined if there is none. */
export function oldestOf(slots: Iterable<ConnectionSlot>): number | undefined {
  let oldest: number | undefined;
  for (const { since } of slots) oldest = Math.min(oldest ?? since, since);
  return oldest;
}

/** The first of a map, with their cookies. */
export function firstOf<V>(map: ReadonlyMap<bigint, V>, count: number): readonly (readonly [bigint, V])[] {
  const first: (readonly [bigint, V])[] = [];
  for (const entry of map) {
    if (first.length >= count) break;
    first.push(entry);
  }
  return first;
}

/** Whether a process holds a connection, as far as it is known. */
export function isHeld(look: SocketLook): boolean {
  return look.kind === 'unknown' || (look.kind === 'there' && look.inode !== 0);
}
