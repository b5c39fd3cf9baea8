// The beginning of a file that a plugin may have written, or exchanged for something else. Opening a pipe would wait for its other end, and
// opening a device can act on it: the path is opened as a mere place first, open(2) O_PATH, and read only where that is a regular file.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const O_PATH = 0o10000000;

/** @returns at most so many bytes; undefined where no regular file can be read there */
export function readStart(path: string, most: number): Buffer | undefined {
  const held: number[] = [];
  const open = (what: string, flags: number): number => {
    const fd = openSync(what, flags);
    held.push(fd);
    return fd;
  };
  try {
    const place = open(path, O_PATH);
    if (!fstatSync(place).isFile()) return undefined;
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(open(`/proc/self/fd/${place}`, constants.O_RDONLY), bytes, 0, most, 0));
  } catch {
    return undefined;
  } finally {
    for (const fd of held) closeSync(fd);
  }
}
