// Finds the named pipes (fifo(7)) in a folder of the host. A read-only mount does not keep a program from writing into one. Runs in the
// supervisor.
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The number of files that are looked at. */
const MOST_FILES = 200_000;
/** The number of folders that are read before other work of the process gets its turn. */
const TURN = 200;

export interface FoundPipes {
  readonly pipes: readonly string[];
  /** False if the folder has more files than are looked at. */
  readonly complete: boolean;
}

/**
 * @param path a folder or another file, links resolved
 * @returns the paths of the pipes. What this process cannot read is left out
 */
export async function findPipes(path: string): Promise<FoundPipes> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) return { pipes: stats?.isFIFO() === true ? [path] : [], complete: true };
  const pipes: string[] = [];
  const waiting = [path];
  let files = 0;
  for (let folders = 1; waiting.length > 0; folders += 1) {
    if (folders % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const folder = waiting.pop() ?? '';
    const entries = entriesOf(folder);
    files += entries.length;
    if (files > MOST_FILES) return { pipes, complete: false };
    for (const entry of entries) {
      if (entry.isDirectory()) waiting.push(join(folder, entry.name));
      else if (entry.isFIFO()) pipes.push(join(folder, entry.name));
    }
  }
  return { pipes, complete: true };
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
