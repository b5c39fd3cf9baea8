// Tells how many audit events a dead broker took along: it counts those that it makes in memory that outlives it. Runs in the supervisor. A
// broker that was taken over can count wrongly, and gains nothing: it could leave out events anyway.
import { readSync } from 'node:fs';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';

/** What a broker took along. */
export interface LostEvents {
  readonly events: number;
  /** The time of the last event that came, or of its start; as in an event. */
  readonly since: string;
}

/** One broker's. */
export class EventTally {
  /** One number of 8 bytes. */
  readonly memory: OwnedFd = createMemoryFile('postern-events', Float64Array.BYTES_PER_ELEMENT);
  #received = 0;
  #since = new Date().toISOString();

  /** An event came. @param ts its time */
  receive(ts: string): void {
    this.#received += 1;
    this.#since = ts;
  }

  /** Nothing more comes. @returns undefined if no event is missing */
  close(): LostEvents | undefined {
    const made = new Float64Array(1);
    readSync(this.memory.number, made, 0, made.byteLength, 0);
    this.memory.close();
    const [count = 0] = made;
    const events = Number.isSafeInteger(count) ? count - this.#received : 0;
    return events > 0 ? { events, since: this.#since } : undefined;
  }
}
