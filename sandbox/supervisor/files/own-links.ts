// Refuses a writable folder with a second name (hard link, link(2)) of a file that is postern's own. The file is read-only at the names that
// postern knows, and would be writable at this one. Only a walk through the folder finds such names: privileged-files.ts makes it at each start.
// Runs in the supervisor.
import { type BigIntStats, lstatSync } from 'node:fs';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { entryPath, readFolder } from './read-folder.js';

/** The second names of postern's own files. */
export class OwnLinks {
  /** By paths without links, at each mount of their file systems. The plugin finds them read-only there. */
  readonly #known: readonly string[];
  /** Own files that have several names, by device and inode. Read when the first file with several names is found. */
  #own: ReadonlyMap<string, string> | undefined;

  /** @param ownFiles absolute paths of files and folders */
  constructor(ownFiles: readonly string[], host: Pick<HostFiles, 'real' | 'aliases'>) {
    this.#known = [...new Set(ownFiles.flatMap((path) => host.real(path) ?? []))].flatMap((path) => [
      path,
      ...host.aliases(path),
    ]);
  }

  /**
   * @param path a file with several names, which the plugin may write
   * @throws PosternError `path_not_apart` if it is postern's own, by a name that postern does not know
   */
  refuse(path: Buffer): void {
    this.#own ??= filesWithLinks(this.#known);
    if (this.#own.size === 0) return;
    const stats = statsOf(path);
    const file = stats && this.#own.get(keyOf(stats));
    if (file === undefined || this.#known.some((one) => isWithin(path.toString(), one))) return;
    const shown = printable(path.toString());
    throw new PosternError(
      'path_not_apart',
      `The plugin may not write "${shown}": it is a hard link to "${printable(file)}", which is postern's own`,
      { fix: 'replace one of the two by a copy, or make a folder writable that does not hold it' },
    );
  }
}

function filesWithLinks(paths: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const waiting: Buffer[] = paths.map((path) => Buffer.from(path));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const stats = statsOf(next);
    if (
      (stats?.isFile() === true ||
        /* protects: G14 no plugin has a second name of the pipe of the audit log */ stats?.isFIFO() ===
          true) &&
      stats.nlink > 1n
    )
      found.set(keyOf(stats), next.toString());
    if (stats?.isDirectory() !== true) continue;
    const folder = next;
    for (const part of readFolder(folder, () => {}))
      waiting.push(...part.map(({ name }) => entryPath(folder, name)));
  }
  return found;
}

/** An inode number may be larger than a number of JavaScript is exact. */
function statsOf(path: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

const keyOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;
