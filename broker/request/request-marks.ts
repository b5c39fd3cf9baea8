// Notes when each plugin last asked for something, in memory that the supervisor keeps. If the broker dies, the supervisor finds there whose
// request came right before. Runs in the broker.
import { REQUEST_MARKS } from '../../shared/limits.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export class RequestMarks {
  #marks: BigUint64Array | undefined;

  /** @param memory REQUEST_MARKS numbers of 8 bytes; it is closed here */
  attach(memory: OwnedFd): void {
    const { bytes } = new MappedMemory(memory.number, REQUEST_MARKS * BigUint64Array.BYTES_PER_ELEMENT);
    this.#marks = new BigUint64Array(bytes.buffer);
    memory.close();
  }

  /** @param mark the number of a plugin's mark; undefined: it has none */
  note(mark: number | undefined): void {
    if (mark !== undefined && this.#marks !== undefined) this.#marks[mark] = process.hrtime.bigint();
  }
}
