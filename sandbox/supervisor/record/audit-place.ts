// Whether the audit file may be a link. A link there could lead to a file that is executed, for example ~/.bashrc. Only root's folders, for
// example /dev, may have one.
import { lstatSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

export function mayBeLink(path: string): boolean {
  const folder = dirname(path);
  // /dev/fd leads to a folder of /proc, whose links nobody makes.
  if (realpathSync(folder).startsWith('/proc/')) return true;
  const { uid, mode } = statSync(folder);
  return uid === 0 && (mode & 0o022) === 0;
}

/** Whether a start would refuse the file, which is a link. @param path in a folder that exists */
export function isRefusedLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true && !mayBeLink(path);
}
