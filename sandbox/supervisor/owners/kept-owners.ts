// The warnings where root may not map the ids of files, because it has no CAP_SYS_ADMIN, for example in a container. Looks at each path's mode.
import { statSync } from 'node:fs';
import { printable } from '../../../shared/printable.js';

/** @returns a line for each path that the user named and that the plugin's ids cannot use */
export function keptOwners(named: {
  readonly visible: readonly string[];
  readonly writable: readonly string[];
}): readonly string[] {
  return [
    ...named.visible.flatMap((path) => lineFor(path, 'read')),
    ...named.writable.flatMap((path) => lineFor(path, 'write')),
  ];
}

const OTHERS = { read: { file: 0o4, directory: 0o5 }, write: { file: 0o6, directory: 0o7 } };

function lineFor(path: string, does: 'read' | 'write'): string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  const wanted = OTHERS[does][stats.isDirectory() ? 'directory' : 'file'];
  if ((stats.mode & wanted) === wanted) return [];
  const writes = does === 'write';
  return [
    `the plugin may not ${does} "${printable(path)}": root without CAP_SYS_ADMIN cannot map the ids of its files; ` +
      `chmod -R ${writes ? 'o+rwX' : 'o+rX'} it, add that capability, or start postern as its owner`,
  ];
}
