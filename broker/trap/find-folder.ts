// Finds the path, from the sandbox's root, of the folder that a trapped chmod(2) or a relative of it names. Runs in the broker.
import { fstatSync, readlinkSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { isHandle } from '../../shared/sys/fcntl.js';
import type { FolderMode } from '../../shared/sys/set-folder-mode.js';
import { callerFolderLink } from '../caller/caller-folder.js';
import type { ModeRequest } from './read-mode-call.js';

const { EBADF, ENAMETOOLONG, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM } = constants.errno;
/** A path, and that of the folder which it is relative to. */
const MOST_BYTES = 2 * 4096;
const SLASH = 0x2f;

/**
 * @param tid of a call that waits
 * @param descriptor a duplicate of the call's. Undefined: the path is absolute, or the working directory is meant
 * @param path as the call has it. Undefined: the call has none
 * @returns minus errno if no folder can be meant
 */
export function findFolder(
  tid: number,
  descriptor: number | undefined,
  path: Uint8Array | undefined,
  { mayBeEmpty }: Pick<ModeRequest, 'mayBeEmpty'>,
): Pick<FolderMode, 'path' | 'inode'> | number {
  if (path?.[0] === SLASH) return { path, inode: undefined };
  const isWhole = path === undefined || path.length === 0;
  if (path?.length === 0 && !mayBeEmpty) return -ENOENT;
  try {
    const link = descriptor === undefined ? callerFolderLink(tid) : `/proc/self/fd/${descriptor}`;
    const stats =
      descriptor === undefined ? statSync(link, { bigint: true }) : fstatSync(descriptor, { bigint: true });
    if (descriptor !== undefined && path === undefined && isHandle(descriptor)) return -EBADF;
    if (stats.isSymbolicLink() && isWhole) return -EOPNOTSUPP;
    if (!stats.isDirectory()) return isWhole ? -EPERM : -ENOTDIR;
    // The kernel names a folder of another mount namespace from that namespace's root, d_path(9).
    const folder = readlinkSync(link, { encoding: 'buffer' });
    if (folder[0] !== SLASH) return -ENOENT;
    // Another folder can have that path: here, if this one was deleted or is not shown, or by the time that it is opened.
    const inode = { dev: stats.dev, ino: stats.ino, length: folder.length };
    if (isWhole) return { path: folder, inode };
    const whole = Buffer.concat([folder, Buffer.from('/'), path]);
    return whole.length > MOST_BYTES ? -ENAMETOOLONG : { path: whole, inode };
  } catch (error) {
    // The kernel tells no path that is longer than a page.
    return (error as NodeJS.ErrnoException).code === 'ENAMETOOLONG' ? -ENAMETOOLONG : -EBADF;
  }
}
