// Reads a file that somebody may have made endless. Its size says little: a file of /proc has size 0, and a file can grow. Runs in the supervisor
// and the broker.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs';

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

const MIB = 1024 * 1024;

/** The text of a file, or why there is none, as in `"FILE" is not UTF-8`. */
export type FileText =
  | { readonly text: string }
  | { readonly problem: string /** Whether it could be opened. */; readonly opened: boolean };

/** Reads a regular file of at most so many MiB, as UTF-8 without a byte order mark. */
export function readTextFile(path: string, mostMib: number): FileText {
  let fd: number | undefined;
  const problem = (text: string): FileText => ({ problem: text, opened: fd !== undefined });
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return problem('is not a regular file');
    const bytes = stats.size > mostMib * MIB ? undefined : readAtMost(fd, mostMib * MIB);
    if (bytes === undefined) return problem(`is larger than ${mostMib} MiB`);
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return problem('is not UTF-8');
    return problem(`cannot be read: ${code === 'ENOENT' ? 'there is no such file' : code}`);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

// Files and folders of the host that may be missing, or closed to this process.

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** stat(2). */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** The names in a folder. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
