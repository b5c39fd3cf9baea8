// Counts the events that this broker has made, in memory that the supervisor keeps. If the broker is killed, some have not left yet: the
// supervisor compares the count with what came. An event counts before the plugin has its answer. Runs in the broker.
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export class EventTally {
  #made: Float64Array | undefined;

  /** @param memory for one number of 8 bytes; it is closed here */
  attach(memory: OwnedFd): void {
    const { bytes } = new MappedMemory(memory.number, Float64Array.BYTES_PER_ELEMENT);
    this.#made = new Float64Array(bytes.buffer);
    memory.close();
  }

  /** @param events how many; negative: they are dropped, and counted as such */
  add(events: number): void {
    if (this.#made !== undefined) this.#made[0] = (this.#made[0] ?? 0) + events;
  }
}
