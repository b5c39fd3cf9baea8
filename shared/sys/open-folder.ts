// Opens and makes files below an open folder, and never by a path that another process could exchange.

import { constants } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { AT_FDCWD, O_CLOEXEC, O_PATH } from './fcntl.js';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_WRONLY } = constants;

// openat2(2) for a path that must not lead through a link. Runs in the supervisor and the launcher: a plugin may have written to the
// folders above.

/** The same number on x86-64 and arm64. */
const SYS_openat2 = 437;
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

// openat(2) of one name in an open folder. Runs in the broker, whose sandbox has no openat2(2).

const openat = bind('int openat(int folder, const char *name, int flags)');

/**
 * A handle (O_PATH) of a file. A link is not followed: the handle is the link's. Nothing is opened for reading, so a FIFO or a device
 * does not notice.
 *
 * @param folder undefined: the name is an absolute path
 * @returns the handle, or minus errno
 */
export function openAt(folder: OwnedFd | undefined, name: string): OwnedFd | number {
  const result = openat(folder?.number ?? AT_FDCWD, name, O_PATH | O_CLOEXEC | constants.O_NOFOLLOW);
  return result < 0 ? result : new OwnedFd(result);
}

// mkdirat(2) and openat(2) with O_CREAT: makes a file in an open folder.

const mkdirat = bind('int mkdirat(int folder, const char *name, uint mode)');
const create = bind('int openat(int folder, const char *name, int flags, uint mode)');

/** @throws SystemError EEXIST too */
export function makeFolderAt(folder: number, name: string, mode: number): void {
  succeed(mkdirat(folder, name, mode), 'mkdirat', name);
}

/** Makes an empty file. @throws SystemError EEXIST too */
export function makeFileAt(folder: number, name: string, mode: number): void {
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC;
  new OwnedFd(succeed(create(folder, name, flags, mode), 'openat', name)).close();
}

// lgetxattr(2).

// SAFETY: the path ends with a NUL and lives until the call returns. With a size of 0, the kernel writes nothing, lgetxattr(2).
const lgetxattr = bind('long lgetxattr(const void *path, const char *name, void *value, size_t size)');
const ABSENT = [osConstants.errno.ENODATA, osConstants.errno.ENOTSUP, osConstants.errno.ENOENT];

/** Whether the file at `path`, which may be a link, has file capabilities, capabilities(7). If the kernel cannot tell, the answer is yes. */
export function hasFileCapabilities(path: Uint8Array): boolean {
  const result = lgetxattr(Buffer.concat([path, Buffer.alloc(1)]), 'security.capability', null, 0);
  return result >= 0 || !ABSENT.includes(-result);
}
