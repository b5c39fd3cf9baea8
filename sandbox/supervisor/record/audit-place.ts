// Whether the audit file may be a link. A link could lead to a file that is executed, for example ~/.bashrc. Also in a folder of root's a
// plugin may have put it, since a plugin of root writes there as the owner. Nobody makes links in /proc, and only root does in /dev.
import { lstatSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';

export function mayBeLink(path: string): boolean {
  const folder = realpathSync(dirname(path));
  // /dev/fd leads to a folder of /proc. Every user writes in /dev/shm.
  return folder === '/dev' || folder.startsWith('/proc/');
}

/** Whether a start would refuse the file, which is a link. @param path in a folder that exists */
export function isRefusedLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && !mayBeLink(path);
}
