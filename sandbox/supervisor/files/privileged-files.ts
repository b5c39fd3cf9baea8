// Refuses a writable folder that holds a set-uid or set-gid program, or one with file capabilities. A plugin that may write it, by its
// owner, its group or its mode, could put its own code into that program. The kernel removes the privilege when a file is written, but
// not when it is changed through a shared mapping, mmap(2). The filter keeps the plugin from making such files. The same walk looks for hard
// links to postern's own files. Runs in the supervisor.
import { lstatSync, readFileSync, type Stats } from 'node:fs';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import { hasFileCapabilities } from '../../../shared/sys/xattr.js';
import { kernelMounts } from './kernel-mounts.js';
import type { OwnLinks } from './own-links.js';
import { entryPath, readFolder } from './read-folder.js';

const SET_IDS = 0o6000;
const EXECUTABLE = 0o111;
/** The bits of the group hold the mask of an access control list too, acl(5): no list grants more. */
const FOR_GROUP_OR_OTHERS = 0o022;
/** The number of entries that are read before other work of the process gets its turn. */
const TURN = 2_000;
/** The file has gone meanwhile, or is no folder any more. */
const GONE = ['ENOENT', 'ENOTDIR'];

/**
 * @param path a folder or file of the host, links resolved
 * @throws PosternError `privileged_file` with the first such file, or a folder that cannot be read, and the fix; `path_not_apart` for a link
 *   to postern's own
 */
export async function refusePrivilegedFiles(path: string, ownLinks: OwnLinks): Promise<void> {
  const owners = ownersOf(path);
  // They are covered, see mask-kernel-mounts.ts.
  const covered = new Set(
    kernelMounts(readFileSync('/proc/self/mountinfo', 'utf8')).map(({ point }) => point),
  );
  const waiting: Buffer[] = [Buffer.from(path)];
  for (let seen = 1; waiting.length > 0; seen += 1) {
    if (seen % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const next = waiting.pop();
    if (next === undefined) return;
    if (seen > 1 && covered.has(next.toString())) continue;
    const stats = statsOf(next);
    if (stats?.isDirectory() === true) addEntries(next, owners.includes(stats.uid), waiting);
    else if (stats?.isFile() === true && mayWrite(stats, owners)) {
      refusePrivileged(next, stats.mode);
      if (stats.nlink > 1) ownLinks.refuse(next);
    }
  }
}

/** The owners of files that the plugin may change: a user's plugin has the user's id; as root it acts as the owner of the folder. */
function ownersOf(path: string): readonly number[] {
  const own = process.geteuid?.() ?? 0;
  const { uid } = lstatSync(path);
  return own === 0 ? [uid] : [uid, own];
}

/** Whether some plugin may write it: which groups it has is not looked at. */
function mayWrite({ uid, mode }: Stats, owners: readonly number[]): boolean {
  return owners.includes(uid) || (mode & FOR_GROUP_OR_OTHERS) !== 0;
}

function statsOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // A folder that may not be entered is judged by its own entry.
    if (code === 'EACCES' || GONE.includes(code)) return undefined;
    throw unread(path, code);
  }
}

function refusePrivileged(path: Buffer, mode: number): void {
  const setsIds = (mode & SET_IDS) !== 0;
  if (!setsIds && ((mode & EXECUTABLE) === 0 || !hasFileCapabilities(path))) return;
  throw new PosternError(
    'privileged_file',
    `The plugin may not write "${printable(path.toString())}", which ${setsIds ? 'is set-uid or set-gid' : 'has file capabilities'}: it would keep that privilege`,
    { fix: `${setsIds ? 'chmod ug-s' : 'setcap -r'} it, or make a folder writable that does not hold it` },
  );
}

/** Only folders and files: links and sockets have no privilege. */
function addEntries(folder: Buffer, isOwn: boolean, waiting: Buffer[]): void {
  const { entries, code } = readFolder(folder);
  // The plugin cannot read a folder either that this process cannot read, unless it may change the mode.
  const closed = code === 'EACCES' && !isOwn;
  if (code !== undefined && !closed && !GONE.includes(code)) throw unread(folder, code);
  for (const entry of entries)
    if (entry.isDirectory() || entry.isFile()) waiting.push(entryPath(folder, entry.name));
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
