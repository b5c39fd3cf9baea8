// Copies a path out of a caller's memory. Runs in the broker, on any of its threads.
import { constants } from 'node:os';
import { readMemory } from '../../shared/sys/process-memory.js';

const { EFAULT, ENAMETOOLONG } = constants.errno;
/** PATH_MAX, with the NUL. */
const MOST_BYTES = 4096;
/** No page is smaller. Memory may end with the page in which the path ends. */
const PAGE_BYTES = 4096;
const scratch = new Uint8Array(PAGE_BYTES);

/** @returns a copy without its NUL, or minus errno as chmod(2) has it */
export function copyPath(tid: number, at: bigint): Uint8Array | number {
  const path = new Uint8Array(MOST_BYTES);
  let copied = 0;
  while (copied < MOST_BYTES) {
    const from = at + BigInt(copied);
    const length = Math.min(PAGE_BYTES - Number(from % BigInt(PAGE_BYTES)), MOST_BYTES - copied);
    if (readMemory(tid, from, scratch, length) !== length) return -EFAULT;
    const end = scratch.subarray(0, length).indexOf(0);
    path.set(scratch.subarray(0, end < 0 ? length : end), copied);
    if (end >= 0) return path.slice(0, copied + end);
    copied += length;
  }
  return -ENAMETOOLONG;
}
