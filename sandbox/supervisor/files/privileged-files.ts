// Refuses a writable folder that holds a set-uid or set-gid program, or one with file capabilities. A plugin that writes as the
// folder's owner could put its own code into that program. The kernel removes the privilege when a file is written, but not when
// it is changed through a shared mapping, mmap(2). The filter keeps the plugin from making such files. Runs in the supervisor.
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../../../shared/errors.js';
import { hasFileCapabilities } from '../../../shared/sys/xattr.js';

const SET_IDS = 0o6000;
const EXECUTABLE = 0o111;
/** The number of entries that are read before other work of the process gets its turn. */
const TURN = 2_000;

/**
 * @param path a folder or file of the host, links resolved
 * @throws PosternError `privileged_file` with the first such file, and the fix
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

/** Only folders and files: links and sockets have no privilege. The plugin cannot read a folder that this process cannot read. */
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
