// Walks through a folder of the host and all folders below. A plugin may have made them, so neither their number nor what is done in one
// turn of the event loop is the plugin's to choose. Follows no link. Runs in the supervisor.
import type { Dirent } from 'node:fs';
import { WALK_TURN_BYTES, WALK_WAITING_FOLDERS } from '../../../shared/limits.js';
import { entryPath, readFolder } from './read-folder.js';

export interface Walk {
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
interface Waiting {
  readonly above: Buffer;
  readonly name: Buffer;
}

/** @param top a folder @returns undefined if it has seen everything */
export async function walkFolder(top: string, walk: Walk): Promise<TooMany | undefined> {
  const waiting: Waiting[] = [];
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
