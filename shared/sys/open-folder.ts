// openat2(2) for a path that must not lead through a link. Runs in the supervisor and the launcher: a plugin may have written to the
// folders above.
import { constants } from 'node:fs';
import { AT_FDCWD, O_CLOEXEC, O_PATH } from './file-constants.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { succeed } from './system-error.js';

/** The same number on x86-64 and arm64. */
const SYS_openat2 = 437;
const { O_DIRECTORY } = constants;
const RESOLVE_NO_SYMLINKS = /* protects: G14 home: its path leads through no link => 0 */ 4;
const RESOLVE_BENEATH = 8;

// SAFETY: `how` is a struct open_how with three 64-bit fields. It lives until the call returns.
const openat2 = bind('long syscall(long number, long fd, const char *path, const void *how, long size)');

/**
 * A handle (O_PATH) of the folder.
 *
 * @param path absolute
 * @throws SystemError ELOOP if any part of the path is a link, ENOENT, ENOTDIR, EACCES
 */
export function openFolder(path: string): OwnedFd {
  return open(path, O_DIRECTORY);
}

/** As {@link openFolder}, for a folder or another file. */
export function openWithoutLinks(path: string): OwnedFd {
  return open(path, 0);
}

/**
 * As {@link openWithoutLinks}, for a file of an open folder.
 *
 * @param name relative, without `..`
 * @param subject the path for messages
 */
export function openBelow(folder: number, name: string, directory: boolean, subject: string): OwnedFd {
  return open(name, directory ? O_DIRECTORY : 0, { folder, resolve: RESOLVE_BENEATH, subject });
}

function open(path: string, more: number, { folder = AT_FDCWD, resolve = 0, subject = path } = {}): OwnedFd {
  const flags = O_PATH | O_CLOEXEC | more;
  const limits =
    /* protects: G14 no mount point is found through a link of a plugin (whole) => resolve === 0 ? RESOLVE_NO_SYMLINKS : 0 */ RESOLVE_NO_SYMLINKS |
    resolve;
  const how = new Uint8Array(new BigUint64Array([BigInt(flags), 0n, BigInt(limits)]).buffer);
  return new OwnedFd(succeed(openat2(SYS_openat2, folder, path, how, how.length), 'openat2', subject));
}
