// Reads the beginning of a file that a plugin may have replaced. Opening a pipe waits for its other end, and opening a device may
// act on it. So the path is opened with O_PATH first, open(2), and read only where it is a regular file.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

const O_PATH = 0o10000000;

/** @returns at most `bytes` bytes; undefined where there is no readable regular file */
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
