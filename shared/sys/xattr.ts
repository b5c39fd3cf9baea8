// lgetxattr(2). Runs in the supervisor.
import { constants } from 'node:os';
import { bind } from './libc.js';

// SAFETY: the path ends with a NUL and lives until the call returns. With a size of 0, the kernel writes nothing, lgetxattr(2).
const lgetxattr = bind('long lgetxattr(const void *path, const char *name, void *value, size_t size)');
const ABSENT = [constants.errno.ENODATA, constants.errno.ENOTSUP, constants.errno.ENOENT];

/** Whether the file at `path`, which may be a link, has file capabilities, capabilities(7). If the kernel cannot tell, the answer is yes. */
export function hasFileCapabilities(path: Uint8Array): boolean {
  const result = lgetxattr(Buffer.concat([path, Buffer.alloc(1)]), 'security.capability', null, 0);
  return result >= 0 || !ABSENT.includes(-result);
}
