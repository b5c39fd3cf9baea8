// Reads a file that somebody may have made endless. Its size says little: a file of /proc has size 0, and a file can grow. Runs in the supervisor
// and the broker.
import { readSync } from 'node:fs';

const CHUNK_BYTES = 65_536;

/** @returns the rest of the file; undefined if it has more than `most` bytes @throws the error of read(2) */
export function readAtMost(fd: number, most: number): Buffer | undefined {
  const chunks: Buffer[] = [];
  let length = 0;
  while (
    length <= /* protects: G8 a configuration without an end is not read without end => $& + 65536 */ most
  ) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const read = readSync(fd, chunk, 0, chunk.length, null);
    if (read === 0) return Buffer.concat(chunks, length);
    chunks.push(chunk.subarray(0, read));
    length += read;
  }
  return undefined;
}
