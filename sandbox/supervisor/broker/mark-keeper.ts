// The memory in which a broker notes when each plugin last asked for something. Runs in the supervisor. The memory outlives the broker, which
// may have been taken over: it can blame a plugin falsely, and gains nothing, since it can ask for the end of a sandbox anyway.
import { readSync, writeSync } from 'node:fs';
import { REQUEST_MARKS } from '../../../shared/limits.js';
import { createMemoryFile } from '../../../shared/sys/memory-file.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';

const BYTES = BigUint64Array.BYTES_PER_ELEMENT;

export class MarkKeeper {
  readonly memory: OwnedFd = createMemoryFile('postern-marks', REQUEST_MARKS * BYTES);
  readonly #numbers = new Map<string, number>();
  #free = Array.from({ length: REQUEST_MARKS }, (_, number) => REQUEST_MARKS - 1 - number);

  /** The number of a plugin's mark. @returns undefined if all are taken */
  numberOf(plugin: string): number | undefined {
    const number = this.#numbers.get(plugin) ?? this.#free.pop();
    if (number !== undefined) this.#numbers.set(plugin, number);
    return number;
  }

  /** Forgets a plugin. Its mark is free for another one. */
  drop(plugin: string): void {
    const number = this.#numbers.get(plugin);
    if (number === undefined) return;
    this.#numbers.delete(plugin);
    this.#free.push(number);
    writeSync(this.memory.number, new Uint8Array(BYTES), 0, BYTES, number * BYTES);
  }

  /** The plugins that asked for something since then. @param time in nanoseconds, as process.hrtime.bigint() tells it */
  askedSince(time: bigint): ReadonlySet<string> {
    const marks = new BigUint64Array(REQUEST_MARKS);
    readSync(this.memory.number, marks, 0, marks.byteLength, 0);
    const asked = [...this.#numbers].filter(([, number]) => (marks[number] ?? 0n) >= time);
    return new Set(asked.map(([plugin]) => plugin));
  }

  close(): void {
    this.memory.close();
  }
}
