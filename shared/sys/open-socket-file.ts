// Finds the file of a host's socket. The path is a rule's; what lies there may change at any time. The file is opened
// once, and everything after is about that file. Runs in the broker. As a user it runs in the supervisor: a user's broker sees none of the host's sockets.

import { fstatSync, readlinkSync, type Stats } from 'node:fs';
import { constants } from 'node:os';
import { openAt } from './open-folder.js';
import type { OwnedFd } from './owned-fd.js';

/** Links that are followed on the way to a UNIX socket of the host. */
const SOCKET_LINKS = 8;

const { ELOOP, ENOTSOCK } = constants.errno;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Opens the file without reading it. A link on the way is followed only directly in / or /var, and only if it is root's, as /var/run. So a
 * link that a plugin or another user makes leads nowhere. In another folder of root's, a plugin of root may have made it.
 *
 * @param path absolute, in its shortest form
 * @returns a handle (O_PATH) of a socket, or minus errno: ENOENT, EACCES, ELOOP for another link, ENOTSOCK
 */
export function openSocketFile(path: string): OwnedFd | number {
  const rest = path.split('/').filter(Boolean);
  /** The path of the folder, without links. */
  let parts: readonly string[] = [];
  let links = 0;
  let here = openAt(undefined, '/');
  try {
    for (let name = rest.shift(); name !== undefined && typeof here !== 'number'; name = rest.shift()) {
      using folder: OwnedFd = here;
      here = openAt(folder, name);
      if (typeof here === 'number') return here;
      const stats = fstatSync(here.number);
      if (!stats.isSymbolicLink()) {
        parts = below(parts, name);
        continue;
      }
      here.close();
      links += 1;
      if (
        links > SOCKET_LINKS ||
        /* protects: G6 a link in another folder of root's leads nowhere (as root) */ !isTop(parts) ||
        /* protects: G6 a link that others than root could change leads nowhere (as root) */ !isRootsAlone(
          fstatSync(folder.number),
          stats,
        )
      )
        return -ELOOP;
      const target = readlinkSync(`/proc/self/fd/${folder.number}/${name}`);
      rest.unshift(...target.split('/').filter(Boolean));
      const root = target.startsWith('/');
      parts = root ? [] : parts;
      here = root ? openAt(undefined, '/') : openAt(folder, '.');
    }
    if (typeof here === 'number' || fstatSync(here.number).isSocket()) return here;
    here.close();
    return -ENOTSOCK;
  } catch (error) {
    if (typeof here !== 'number') here.close();
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    return errno;
  }
}

function below(folder: readonly string[], name: string): readonly string[] {
  if (name === '..') return folder.slice(0, -1);
  return name === '.' ? folder : [...folder, name];
}

/** The folders in which systems have their links, as /var/run. */
function isTop([first, ...more]: readonly string[]): boolean {
  return first === undefined || (first === 'var' && more.length === 0);
}

function isRootsAlone(folder: Stats, link: Stats): boolean {
  return folder.uid === 0 && link.uid === 0 && (folder.mode & WRITABLE_BY_OTHERS) === 0;
}
