// Reads a folder of the host whose names may be any bytes. A plugin may have chosen them: they are no UTF-8, or nested deeper than a path
// may be long. Runs in the supervisor.
import { type Dirent, readdirSync } from 'node:fs';

const SLASH = Buffer.from('/');

export interface ReadFolder {
  readonly entries: readonly Dirent<Buffer>[];
  /** Why there are none. */
  readonly code?: string;
}

/** @param path bytes, without a NUL */
export function readFolder(path: Buffer): ReadFolder {
  try {
    return { entries: readdirSync(path, { withFileTypes: true, encoding: 'buffer' }) };
  } catch (error) {
    return { entries: [], code: (error as NodeJS.ErrnoException).code ?? 'EIO' };
  }
}

/** The path of an entry. */
export function entryPath(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}
