// openat(2) of one name in an open folder. Runs in the broker, whose cage has no openat2(2).
import { constants } from 'node:fs';
import { AT_FDCWD, O_CLOEXEC, O_PATH } from './file-constants.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';

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
