// Set-uid and set-gid programs, and those with file capabilities, in a folder that a plugin is to write as its owner. The kernel takes the
// privilege off a file that is written, but not off one that is changed through a shared mapping, mmap(2): the plugin could leave a program of
// its own with the privilege behind. The filter keeps it from making such a file; a folder that holds one is refused. Runs in the supervisor.
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { hasFileCapabilities } from '../../../shared/sys/xattr.js';

const SET_IDS = 0o6000;
const EXECUTABLE = 0o111;
/** So many entries are looked at before other work of the process has its turn. */
const TURN = 2_000;

/**
 * @param path a folder or file of the host, links resolved
 * @throws PosternError `privileged_file` naming the first that is found, with the fix
 */
export async function refusePrivilegedFiles(path: string): Promise<void> {
  const { uid } = lstatSync(path);
  const waiting = [path];
  for (let seen = 1; waiting.length > 0; seen += 1) {
    if (seen % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    const next = waiting.pop() ?? '';
    const stats = lstatSync(next, { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) waiting.push(...entriesOf(next));
    else if (stats?.isFile() === true && stats.uid === uid) refusePrivileged(next, stats.mode);
  }
}

function refusePrivileged(path: string, mode: number): void {
  const setsIds = (mode & SET_IDS) !== 0;
  if (!setsIds && ((mode & EXECUTABLE) === 0 || !hasFileCapabilities(path))) return;
  throw new PosternError(
    'privileged_file',
    `The plugin may not write "${path}", which ${setsIds ? 'is set-uid or set-gid' : 'has file capabilities'}: it would keep that privilege`,
    { fix: `${setsIds ? 'chmod ug-s' : 'setcap -r'} it, or make a folder writable that does not hold it` },
  );
}

/** Only what may be a folder or a file: links and sockets have no privilege. A folder that cannot be read is not the plugin's to read. */
function entriesOf(folder: string): readonly string[] {
  let entries: readonly Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) =>
    entry.isDirectory() || entry.isFile() ? [join(folder, entry.name)] : [],
  );
}
