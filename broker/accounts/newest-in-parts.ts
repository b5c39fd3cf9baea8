// Gives the newest connections of a register in parts. Runs in the broker, which turns to other work between them.
import { setImmediate } from 'node:timers/promises';
import { type HeldConnections, newestConnections } from './newest-connections.js';
import type { Entry } from './noted-slots.js';

/** See {@link newestConnections}. The event loop turns before each part, so what it has may have ended. */
export async function* newestInParts(
  held: HeldConnections,
  most: number,
  atOnce: number,
  isOpen: () => boolean,
): AsyncGenerator<readonly Entry[], void> {
  const newest = await newestConnections(held, most, isOpen);
  for (let at = 0; at < newest.length; at += atOnce) {
    await setImmediate();
    yield newest.slice(at, at + atOnce);
  }
}
