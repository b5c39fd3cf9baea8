// Finds the named pipes (fifo(7)) in a folder of the host. A read-only mount does not keep a program from writing into one. Runs in the
// supervisor.

import { isUtf8 } from 'node:buffer';
import { lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { PIPE_MASKS } from '../../../shared/limits.js';
import { walkFolder } from './walk-folder.js';

/** Entries of one read-only path that are looked at, for pipes. */
const PIPE_WALK_ENTRIES = 200_000;

/** A folder of such a kind shows the plugin no pipe. */
const CLOSED = ['ENOENT', 'ENOTDIR', 'EACCES'];

interface FoundPipes {
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

// Covers many paths by few. A plugin may make as many files as it likes in its own folder, and each mask in the sandbox of
// another plugin is a mount.

const depthOf = (path: string): number => path.split('/').length;

export class PathCover {
  readonly #most: number;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();

  /** @param most so many paths at most; beyond them folders stand for paths, the fullest folders first */
  constructor(most: number) {
    this.#most = most;
  }

  get files(): readonly string[] {
    return [...this.#files];
  }

  /** Each covers files that were added, and perhaps others. */
  get folders(): readonly string[] {
    return [...this.#folders];
  }

  /** @param path absolute */
  add(path: string): void {
    if (this.#isCovered(path)) return;
    this.#files.add(path);
    if (this.#size > this.#most) this.#makeRoom();
  }

  /** Until there is room for half as many again. */
  #makeRoom(): void {
    while (this.#size > this.#most / 2 && this.#size > 1) {
      const [fullest = []] = this.#byFolder().sort((one, other) => other.length - one.length);
      // If no folder has two, the deepest are covered by theirs.
      if (fullest.length > 1) this.#widen(fullest);
      else this.#widen(this.#deepest());
    }
  }

  get #size(): number {
    return this.#files.size + this.#folders.size;
  }

  get #paths(): readonly string[] {
    return [...this.#files, ...this.#folders];
  }

  #byFolder(): (readonly string[])[] {
    const groups = new Map<string, string[]>();
    for (const path of this.#paths) {
      const folder = dirname(path);
      const group = groups.get(folder);
      if (group === undefined) groups.set(folder, [path]);
      else group.push(path);
    }
    return [...groups.values()];
  }

  #deepest(): readonly string[] {
    const depths = this.#paths.map(depthOf);
    const most = Math.max(...depths);
    return this.#paths.filter((_, index) => depths[index] === most);
  }

  #widen(paths: readonly string[]): void {
    for (const path of paths) this.#folders.add(dirname(path));
    for (const path of this.#paths) {
      if (!this.#isCovered(path)) continue;
      this.#files.delete(path);
      this.#folders.delete(path);
    }
  }

  /** Whether a folder above it is in the cover. */
  #isCovered(path: string): boolean {
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (this.#folders.has(folder)) return true;
      if (folder === dirname(folder)) return false;
    }
  }
}
