// Finds the named pipes (fifo(7)) in a folder of the host. A read-only mount does not keep a program from writing into one. Runs in the
// supervisor.
import { isUtf8 } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { entryPath, readFolder } from './read-folder.js';

/** The number of files that are looked at. */
const MOST_FILES = 200_000;
/** The number of folders that are read before other work of the process gets its turn. */
const TURN = 200;
/** A folder of such a kind shows the plugin no pipe. */
const CLOSED = ['ENOENT', 'ENOTDIR', 'EACCES'];

export interface FoundPipes {
  readonly pipes: readonly string[];
  /** Folders with a pipe below whose path is no UTF-8, so that no mask can name it. */
  readonly folders: readonly string[];
  /** False if the folder has more files than are looked at, or has some that no path leads to. */
  readonly complete: boolean;
}

/**
 * @param path a folder or another file, links resolved
 * @returns the paths of the pipes. What this process cannot read is left out
 */
export async function findPipes(path: string): Promise<FoundPipes> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true)
    return { pipes: stats?.isFIFO() === true ? [path] : [], folders: [], complete: true };
  const pipes: string[] = [];
  const folders = new Set<string>();
  let complete = true;
  const waiting: Buffer[] = [Buffer.from(path)];
  let files = 0;
  for (let seen = 1; complete && waiting.length > 0; seen += 1) {
    if (seen % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const folder = waiting.pop() ?? Buffer.from(path);
    const { entries, code } = readFolder(folder);
    files += entries.length;
    complete = files <= MOST_FILES && (code === undefined || CLOSED.includes(code));
    for (const entry of complete ? entries : []) {
      const found = entryPath(folder, entry.name);
      if (entry.isDirectory()) waiting.push(found);
      else if (entry.isFIFO() && isUtf8(found)) pipes.push(found.toString());
      else if (entry.isFIFO()) folders.add(nameable(found));
    }
  }
  return { pipes, folders: [...folders], complete };
}

/** The innermost folder on the way to the path that has a name in UTF-8. */
function nameable(path: Buffer): string {
  let end = path.length;
  while (!isUtf8(path.subarray(0, end))) end = path.lastIndexOf('/', end - 1);
  return path.subarray(0, end).toString();
}
