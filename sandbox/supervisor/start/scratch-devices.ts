// The file systems of a sandbox that are its own, as stat(2) numbers them: no socket of the host lies there.
import { fstatSync } from 'node:fs';
import { openInRoot } from '../../../shared/sys/open-in-root.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { RootEntry } from '../../launch/spec.js';
import { isWithin } from '../files/path-within.js';

/**
 * @param root the sandbox's root folder. A plugin cannot move a place where something is mounted
 * @returns st_dev of each
 */
export function scratchDevices(root: OwnedFd | undefined, entries: readonly RootEntry[]): readonly bigint[] {
  if (root === undefined) return [];
  return entries.flatMap((entry, index) => {
    if (entry.kind !== 'scratch' || isCovered(entry.path, entries.slice(index + 1))) return [];
    const folder = openInRoot({ root: root.number, self: undefined }, Buffer.from(entry.path));
    if (typeof folder === 'number') return [];
    using opened = folder;
    return [fstatSync(opened.number, { bigint: true }).dev];
  });
}

/** Whether the host's files lie on top of it. */
function isCovered(path: string, later: readonly RootEntry[]): boolean {
  return later.some((entry) => entry.kind === 'bind' && isWithin(path, entry.path));
}
