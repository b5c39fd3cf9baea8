// Finds the newest connections of a register that may have tens of thousands. Runs in the broker, which turns to other work meanwhile.
import { setImmediate } from 'node:timers/promises';
import { CONNECTION_SLOTS, SORTED_CONNECTIONS } from '../../shared/limits.js';
import type { ConnectionSlot } from './connection-slots.js';

/** The connections of a register, by their cookies. They change while they are read. */
export interface HeldConnections extends Iterable<readonly [bigint, ConnectionSlot]> {
  readonly size: number;
}

interface Dated {
  readonly cookie: bigint;
  readonly slot: ConnectionSlot;
  readonly since: number;
}

/**
 * @param isOpen false: the memory of the register is unmapped, and no slot may be read any more
 * @returns so many, the newest first. Each was held when it was read
 */
export async function newestConnections(
  held: HeldConnections,
  most: number,
  isOpen: () => boolean,
): Promise<readonly (readonly [bigint, ConnectionSlot])[]> {
  let newest: Dated[] = [];
  let found: Dated[] = [];
  let oldest = Number.NEGATIVE_INFINITY;
  let visited = 0;
  for (const [cookie, slot] of held) {
    visited += 1;
    const { since } = slot;
    if (since >= oldest) found.push({ cookie, slot, since });
    if (visited % SORTED_CONNECTIONS !== 0) continue;
    [newest, found] = [merge(newest, found, most), []];
    oldest = newest.length < most ? oldest : (newest.at(-1)?.since ?? oldest);
    // protects: G8 list: the broker turns to other work while it looks for the newest of many connections
    await setImmediate();
    // One that was looked at meanwhile comes again, at the end.
    if (
      /* protects: G8 list: a register that is closed meanwhile is read no further */ !isOpen() ||
      visited >= 2 * CONNECTION_SLOTS
    )
      break;
  }
  return merge(newest, found, most).map(({ cookie, slot }) => [cookie, slot]);
}

function merge(newest: readonly Dated[], found: readonly Dated[], most: number): Dated[] {
  const all = new Map([...newest, ...found].map((one) => [one.cookie, one]));
  return [...all.values()].sort((a, b) => b.since - a.since).slice(0, most);
}
