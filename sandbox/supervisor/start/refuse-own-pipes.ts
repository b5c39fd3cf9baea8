// Refuses a plugin that would see a named pipe of postern's own, such as a pipe for the audit log. Shown read-only, a pipe can still be read, and
// what the plugin reads there nobody else gets. Runs in the supervisor; `check` asks it too.
import { lstatSync } from 'node:fs';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { hostFiles } from '../files/host-files.js';
import { shows } from '../root/shown-paths.js';

/**
 * @param entries the plan of the plugin's root
 * @param ownFiles postern's own files and folders
 * @param refuse takes `path_not_apart`. It may throw
 */
export function refuseOwnPipes(
  entries: readonly RootEntry[],
  ownFiles: readonly string[],
  refuse: (error: PosternError) => void,
): void {
  for (const path of ownFiles) {
    const real = hostFiles.real(path);
    if (
      /* protects: G14 no plugin sees the pipe of the audit log => true */ real === undefined ||
      !isPipe(real)
    )
      continue;
    if (![real, ...hostFiles.aliases(real)].some((one) => shows(entries, one))) continue;
    refuse(
      new PosternError(
        'path_not_apart',
        `The plugin would see "${printable(path)}", a pipe of postern's own: it could read it empty`,
        { fix: 'put the pipe into a folder that the plugin does not see' },
      ),
    );
  }
}

function isPipe(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
}
