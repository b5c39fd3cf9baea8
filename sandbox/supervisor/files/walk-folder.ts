// Walks through a folder of the host and all folders below. A plugin may have made them, so neither their number nor what is done in one
// turn of the event loop is the plugin's to choose. Follows no link. Runs in the supervisor.

import { type Dirent, opendirSync } from 'node:fs';
import { WALK_WAITING_FOLDERS } from '../../../shared/limits.js';

/** Bytes of paths that a walk looks at before the event loop turns to other work: some 500 files. */
const WALK_TURN_BYTES = 32 * 1024;

interface Walk {
  /** The entries that are looked at, in all folders together. */
  readonly mostEntries: number;
  /** The folders that are kept to be read. */
  readonly mostWaiting?: number;
  /** Asked right before a folder is read. @returns whether it is */
  readonly enters: (folder: Buffer) => boolean;
  /** Takes each entry that is no folder. */
  readonly look: (entry: Dirent<Buffer>, path: Buffer) => void;
  /** Takes a folder that could not be read, or not to its end. */
  readonly onUnread: (folder: Buffer, code: string) => void;
}

/** Why a walk ended before it had seen everything. */
export type TooMany = 'entries' | 'folders';

/** A folder that is still to be read. Its own path is not kept, but the path above, which all beside it share. */
interface WaitingFolder {
  readonly above: Buffer;
  readonly name: Buffer;
}

/** @param top a folder @returns undefined if it has seen everything */
export async function walkFolder(top: string, walk: Walk): Promise<TooMany | undefined> {
  const waiting: WaitingFolder[] = [];
  const { mostEntries, mostWaiting = WALK_WAITING_FOLDERS } = walk;
  let entries = 0;
  let turn = 0;
  let path: Buffer | undefined = Buffer.from(top);
  while (path !== undefined) {
    const folder: Buffer = path;
    for (const part of walk.enters(folder) ? readFolder(folder, (code) => walk.onUnread(folder, code)) : []) {
      entries += part.length;
      // protects: G8 a writable folder with more entries than are looked at is refused
      if (entries > mostEntries) return 'entries';
      for (const entry of part) {
        if (entry.isDirectory()) waiting.push({ above: folder, name: entry.name });
        else walk.look(entry, entryPath(folder, entry.name));
        // The longer a path, the longer the kernel takes to find the file, path_resolution(7).
        turn += folder.length + entry.name.length;
        if (turn > WALK_TURN_BYTES) turn = await nextTurn();
      }
      // protects: G8 folders that are beside each other are bounded
      if (waiting.length > mostWaiting) return 'folders';
    }
    turn += folder.length;
    if (turn > WALK_TURN_BYTES) turn = await nextTurn();
    const next = waiting.pop();
    path = next && entryPath(next.above, next.name);
  }
  return undefined;
}

/** @returns what has been done in the new turn */
function nextTurn(): Promise<0> {
  return new Promise((resolve) =>
    /* protects: G8 a folder of many names does not hold up other work => resolve(0) */ setImmediate(
      resolve,
      0,
    ),
  );
}

// Reads a folder of the host whose names may be any bytes. A plugin may have chosen them: they are no UTF-8, more than fit into memory, or
// nested deeper than a path may be long.

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
