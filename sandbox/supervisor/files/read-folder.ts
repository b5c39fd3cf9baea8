// Reads a folder of the host whose names may be any bytes. A plugin may have chosen them: they are no UTF-8, more than fit into memory, or
// nested deeper than a path may be long. Runs in the supervisor.
import { type Dirent, opendirSync } from 'node:fs';

const SLASH = Buffer.from('/');
/** Entries that are read at a time. */
const PART = /* protects: G8 a folder is read in parts => 10000000 */ 500;

/** Node's types know names of such a folder as text only. */
interface FolderOfBytes {
  readonly readSync: () => Dirent<Buffer> | null;
  readonly closeSync: () => void;
}

/**
 * Reads some entries at a time. It holds a descriptor until the last entry, or until the loop ends.
 *
 * @param path bytes, without a NUL
 * @param onUnread takes the code of the error that ended the reading
 */
export function* readFolder(
  path: Buffer,
  onUnread: (code: string) => void,
): Generator<readonly Dirent<Buffer>[]> {
  const folder = attempt(() => openOfBytes(path), onUnread);
  if (folder === undefined) return;
  try {
    let part: readonly Dirent<Buffer>[] | undefined;
    do {
      part = attempt(() => readPart(folder), onUnread);
      if (part !== undefined) yield part;
    } while (part?.length === PART);
  } finally {
    folder.closeSync();
  }
}

/** The path of an entry. */
export function entryPath(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}

function openOfBytes(path: Buffer): FolderOfBytes {
  const encoding =
    /* protects: G8 a set-uid program whose name is no UTF-8 is found => 'utf8' */ 'buffer' as BufferEncoding;
  return opendirSync(path, { encoding, bufferSize: PART }) as unknown as FolderOfBytes;
}

function readPart(folder: FolderOfBytes): readonly Dirent<Buffer>[] {
  const part: Dirent<Buffer>[] = [];
  for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) {
    part.push(entry);
    if (part.length === PART) break;
  }
  return part;
}

function attempt<T>(work: () => T, onUnread: (code: string) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    onUnread((error as NodeJS.ErrnoException).code ?? 'EIO');
    return undefined;
  }
}
