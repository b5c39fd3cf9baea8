// Notes when each plugin last asked for something, in memory that the supervisor keeps. If the broker dies, the supervisor finds there whose
// request came right before, or whose connections the broker was about to end. Runs in the broker.
import { REQUEST_MARKS } from '../../shared/limits.js';
import { MARK_OF_END } from '../../shared/protocol/link.js';
import { MappedMemory } from '../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';

export class RequestMarks {
  #marks: BigUint64Array | undefined;

  /** @param memory REQUEST_MARKS numbers of 8 bytes; it is closed here */
  attach(memory: OwnedFd): void {
    const { bytes } = new MappedMemory(memory.number, REQUEST_MARKS * BigUint64Array.BYTES_PER_ELEMENT);
    this.#marks = new BigUint64Array(bytes.buffer);
    // A former broker died of it, which is known by now.
    for (const [mark, value] of this.#marks.entries()) if (value === MARK_OF_END) this.#marks[mark] = 0n;
    memory.close();
  }

  /** @param mark the number of a plugin's mark; undefined: it has none */
  note(mark: number | undefined): void {
    if (mark !== undefined && this.#marks !== undefined) this.#marks[mark] = process.hrtime.bigint();
  }

  /** Works at the end of a plugin's connections. If the broker dies or hangs meanwhile, nobody else is to blame. */
  ending<T>(mark: number | undefined, work: () => T): T {
    const marks = this.#marks;
    if (mark === undefined || marks === undefined) return work();
    const before = marks[mark] ?? 0n;
    marks[mark] = MARK_OF_END;
    // The broker dies of what is thrown here, and leaves the mark.
    const result = work();
    marks[mark] = before;
    return result;
  }
}
