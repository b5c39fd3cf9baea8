// Finds the named pipes (fifo(7)) in a folder of the host. A read-only mount does not keep a program from writing into one. Runs in the
// supervisor.
import { isUtf8 } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { PIPE_MASKS, PIPE_WALK_ENTRIES } from '../../../shared/limits.js';
import { PathCover } from './path-cover.js';
import { walkFolder } from './walk-folder.js';

/** A folder of such a kind shows the plugin no pipe. */
const CLOSED = ['ENOENT', 'ENOTDIR', 'EACCES'];

export interface FoundPipes {
  readonly pipes: readonly string[];
  /** Folders that stand for their pipes: there are too many to name each. */
  readonly crowded: readonly string[];
  /** Folders with a pipe below whose path is no UTF-8, so that no mask can name it. */
  readonly folders: readonly string[];
  /** False if the folder has more files than are looked at, or has some that no path leads to. */
  readonly complete: boolean;
}

/**
 * @param path a folder or another file, links resolved
 * @param mostEntries no more entries are looked at
 * @returns the paths of the pipes. What this process cannot read is left out
 */
export async function findPipes(path: string, mostEntries: number = PIPE_WALK_ENTRIES): Promise<FoundPipes> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true)
    return { pipes: stats?.isFIFO() === true ? [path] : [], crowded: [], folders: [], complete: true };
  const cover = new PathCover(PIPE_MASKS);
  const folders = new Set<string>();
  let complete = true;
  const tooMany = await walkFolder(path, {
    mostEntries,
    enters: () => complete,
    look: (entry, found) => {
      if (entry.isFIFO() && isUtf8(found)) cover.add(found.toString());
      else if (entry.isFIFO()) folders.add(nameable(found));
    },
    onUnread: (_folder, code) => {
      complete &&= CLOSED.includes(code);
    },
  });
  return {
    pipes: cover.files,
    crowded: cover.folders,
    folders: [...folders],
    complete: complete && tooMany === undefined,
  };
}

/** The innermost folder on the way to the path that has a name in UTF-8. */
function nameable(path: Buffer): string {
  let end = path.length;
  while (!isUtf8(path.subarray(0, end))) end = path.lastIndexOf('/', end - 1);
  return path.subarray(0, end).toString();
}
