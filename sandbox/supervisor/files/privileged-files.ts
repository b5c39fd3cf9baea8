// Refuses to make files writable that carry a privilege, or that are postern's own by another name. Runs in the supervisor.

import { type BigIntStats, lstatSync, type Stats } from 'node:fs';
import { PosternError } from '../../../shared/errors.js';
import { WALK_WAITING_FOLDERS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import { hasFileCapabilities } from '../../../shared/sys/open-folder.js';
import { type HostFiles, isWithin } from './host-files.js';
import { entryPath, readFolder, type TooMany, walkFolder } from './walk-folder.js';

/** Entries of one writable path that are looked at, for programs with a privilege. With more it is refused. */
const WALKED_ENTRIES = 1_000_000;

// Refuses a writable folder that holds a set-uid or set-gid program, or one with file capabilities. A plugin that may write it, by its
// owner, its group or its mode, could put its own code into that program. The kernel removes the privilege when a file is written, but
// not when it is changed through a shared mapping, mmap(2). The filter keeps the plugin from making such files. The same walk looks for hard
// links to postern's own files.

const SET_IDS = 0o6000;
const EXECUTABLE = 0o111;
/** The bits of the group hold the mask of an access control list too, acl(5): no list grants more. */
const FOR_GROUP_OR_OTHERS = 0o022;
/** The file has gone meanwhile, or is no folder any more. */
const GONE = ['ENOENT', 'ENOTDIR'];

/**
 * @param path a folder or file of the host, links resolved
 * @param mostEntries a folder with more entries is refused
 * @throws PosternError `privileged_file` with the first such file, or a folder that cannot be looked through, and the fix; `path_not_apart`
 *   for a link to postern's own
 */
export async function refusePrivilegedFiles(
  path: string,
  ownLinks: OwnLinks,
  mostEntries: number = WALKED_ENTRIES,
): Promise<void> {
  const owners = ownersOf(path);
  const look = (file: Buffer): void => {
    const stats = statsOf(file);
    if (stats === undefined || !(stats.isFile() || stats.isFIFO())) return;
    // A program that may only read a pipe still takes what is in it.
    // protects: G14 a hard link to a file of postern's is not writable
    if (stats.nlink > 1 && (stats.isFIFO() || mayWrite(stats, owners))) ownLinks.refuse(file);
    if (stats.isFile() && mayWrite(stats, owners)) refusePrivileged(file, stats.mode);
  };
  const top = Buffer.from(path);
  if (statsOf(top)?.isDirectory() !== true) return look(top);
  const tooMany = await walkFolder(path, {
    mostEntries,
    // It may have become a link since its name was read.
    enters: (folder) => statsOf(folder)?.isDirectory() === true,
    // Links and sockets have no privilege. A pipe may be postern's own.
    look: (entry, file) => {
      if (entry.isFile() || entry.isFIFO()) look(file);
    },
    onUnread: (folder, code) => {
      // The plugin cannot read a folder either that this process cannot read, unless it may change the mode.
      const isOwn = owners.includes(statsOf(folder)?.uid ?? -1);
      if ((code !== 'EACCES' || isOwn) && !GONE.includes(code)) throw unread(folder, code);
    },
  });
  if (tooMany !== undefined) throw tooLarge(path, tooMany, mostEntries);
}

/** The owners of files that the plugin may change: a user's plugin has the user's id; as root it acts as the owner of the folder. */
function ownersOf(path: string): readonly number[] {
  const own = process.geteuid?.() ?? 0;
  const { uid } = lstatSync(path);
  return own === 0 ? [uid] : [uid, own];
}

/** Whether some plugin may write it: which groups it has is not looked at. */
function mayWrite({ uid, mode }: Stats, owners: readonly number[]): boolean {
  return (
    owners.includes(uid) ||
    /* protects: G14 another owner's set-uid program that a group or others may write is not writable (as root) */ (mode &
      FOR_GROUP_OR_OTHERS) !==
      0
  );
}

function statsOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // A folder that may not be entered is judged by its own entry.
    if (
      /* protects: G14 folders that are nested too deep to look for set-uid programs are not writable (whole) => code */ code ===
        'EACCES' ||
      GONE.includes(code)
    )
      return undefined;
    throw unread(path, code);
  }
}

function refusePrivileged(path: Buffer, mode: number): void {
  const setsIds =
    /* protects: G14 a folder with a set-uid program is not writable => false */ (mode & SET_IDS) !== 0;
  if (!setsIds && ((mode & EXECUTABLE) === 0 || !hasFileCapabilities(path))) return;
  throw new PosternError(
    'privileged_file',
    `The plugin may not write "${printable(path.toString())}", which ${setsIds ? 'is set-uid or set-gid' : 'has file capabilities'}: it would keep that privilege`,
    { fix: `${setsIds ? 'chmod ug-s' : 'setcap -r'} it, or make a folder writable that does not hold it` },
  );
}

/** A path may be too long to print. */
function unread(path: Buffer, code: string): PosternError {
  const MOST_BYTES = 200;
  const start = printable(path.subarray(0, MOST_BYTES).toString());
  const shown = path.length > MOST_BYTES ? `${start}…` : start;
  const why = code === 'ENAMETOOLONG' ? 'its folders are nested too deep' : code;
  return new PosternError('privileged_file', `Cannot look for set-uid programs in "${shown}": ${why}`, {
    fix: `${code === 'EACCES' ? 'chmod u+rwx' : 'remove'} it, or make a folder writable that does not hold it`,
  });
}

function tooLarge(path: string, tooMany: TooMany, mostEntries: number): PosternError {
  const what =
    tooMany === 'entries'
      ? `${mostEntries} files and folders`
      : `${WALK_WAITING_FOLDERS} folders beside each other`;
  return new PosternError(
    'privileged_file',
    `Cannot look for set-uid programs in "${printable(path)}": it has more than ${what}`,
    { fix: 'remove some, or make a smaller folder writable' },
  );
}

// Refuses a writable folder with a second name (hard link, link(2)) of a file that is postern's own. The file is read-only at the names that
// postern knows, and would be writable at this one. Only a walk through the folder finds such names: privileged-files.ts makes it at each start.

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
    const stats = bigStatsOf(path);
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
    const stats = bigStatsOf(next);
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
function bigStatsOf(path: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

const keyOf = ({ dev, ino }: BigIntStats): string => `${dev}:${ino}`;
