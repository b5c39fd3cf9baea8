// chmod(2) of a folder below a root, and of nothing else. The path is opened once, and the file that was opened is checked and changed: a plugin
// may exchange what the path names meanwhile. Runs in a thread of the supervisor. The path comes from a plugin.
import { constants as files, fstatSync } from 'node:fs';
import { constants } from 'node:os';
import { bind } from './libc.js';
import { openInRoot, type Viewpoint } from './open-in-root.js';

const { EOPNOTSUPP, EPERM, ESTALE } = constants.errno;
const S_IFMT = BigInt(files.S_IFMT);
const S_IFDIR = BigInt(files.S_IFDIR);
const S_IFLNK = BigInt(files.S_IFLNK);

const chmod = bind('int chmod(const char *path, uint mode)');

/** The number of an inode, with that of its file system: stat(2). */
export interface Inode {
  readonly dev: bigint;
  readonly ino: bigint;
  /** How many bytes of the path lead to it. */
  readonly length: number;
}

export interface FolderMode {
  /** From the root, bytes without a NUL. */
  readonly path: Uint8Array;
  /** The process id that /proc/self means there. */
  readonly self: number | undefined;
  /** Does not follow a link at the end of the path. A link has no mode: EOPNOTSUPP. */
  readonly keepsLink: boolean;
  /** The folder that must be there, or where the path begins. Undefined: the path alone says which. */
  readonly inode: Inode | undefined;
  readonly mode: number;
}

/**
 * @returns 0, or minus errno: EPERM for what is no folder, EOPNOTSUPP for a link, ESTALE if another folder is there, and those of chmod(2)
 */
export function setFolderMode(
  place: Pick<Viewpoint, 'root' | 'readsProc'>,
  { path, self, keepsLink, inode, mode }: FolderMode,
): number {
  if (inode !== undefined && inode.length < path.length) {
    const start = openInRoot({ ...place, self }, path.subarray(0, inode.length));
    if (typeof start === 'number') return start;
    using beginning = start;
    // protects: G14 folder modes: a relative path begins at its own folder, and not at another one at its path
    if (isOther(fstatSync(beginning.number, { bigint: true }), inode)) return -ESTALE;
  }
  const opened = openInRoot({ ...place, self, keepsLink }, path);
  if (typeof opened === 'number') return opened;
  using folder = opened;
  const found = fstatSync(folder.number, { bigint: true });
  if ((found.mode & S_IFMT) === S_IFLNK) return -EOPNOTSUPP;
  // protects: G14 folder modes: only a folder gets the set-gid bit
  if ((found.mode & S_IFMT) !== S_IFDIR) return -EPERM;
  // protects: G14 folder modes: a descriptor means its own folder, and not another one at its path
  if (inode?.length === path.length && isOther(found, inode)) return -ESTALE;
  // fchmod(2) takes no handle (O_PATH), and fchmodat2(2) with AT_EMPTY_PATH is new in Linux 6.6.
  return chmod(
    `/proc/self/fd/${/* protects: G14 folder modes: the file that was checked gets the mode, and not another one at its path => openInRoot({ ...place, self, keepsLink }, path).number */ folder.number}`,
    mode,
  );
}

function isOther(found: Pick<Inode, 'dev' | 'ino'>, { dev, ino }: Inode): boolean {
  return found.dev !== dev || found.ino !== ino;
}
