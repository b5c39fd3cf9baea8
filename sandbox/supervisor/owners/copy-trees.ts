// As root the supervisor copies the host's mounts for the launcher, whose ids may not enter every folder above them. The copies of
// the user's folders show as their owners see them.

import { fstatSync, type Stats, statSync } from 'node:fs';
import { printable } from '../../../shared/printable.js';
import { copyTree } from '../../../shared/sys/mount.js';
import { openFolder } from '../../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { RootEntry } from '../../launch/spec.js';
import { mapOwners, type OwnedTree } from './map-owners.js';

type Bind = Extract<RootEntry, { readonly kind: 'bind' }>;

export interface CopiedTrees {
  /** The entries; each bind has the index of its tree. */
  readonly entries: readonly RootEntry[];
  readonly trees: readonly OwnedFd[];
  /** The exposed entries whose ids stay as they are. */
  readonly unmapped: readonly Bind[];
}

/**
 * @param held takes each descriptor that is opened on the way
 * @param exposed read-only entries in which the plugin must have no right to write, whatever the mode of a file
 * @param plugin the plugin's uid and gid on the host
 * @param onNotice takes one line for each folder whose ids cannot be mapped
 * @throws PosternError `launch_failed`, `bad_home`
 */
export async function copyTrees(
  entries: readonly RootEntry[],
  exposed: readonly Bind[],
  held: OwnedFd[],
  plugin: number,
  onNotice: (text: string) => void,
): Promise<CopiedTrees> {
  const trees: OwnedFd[] = [];
  const owned: (OwnedTree & { readonly entry: Bind })[] = [];
  const copied = entries.map((entry): RootEntry => {
    if (entry.kind !== 'bind') return entry;
    const tree = copyTree(entry.source, entry.directory);
    trees.push(tree);
    held.push(tree);
    const isExposed = exposed.includes(entry);
    if (entry.asOwner !== undefined || isExposed) {
      // Looked up before any is mapped: a mapped tree shows the plugin's ids.
      const owner = entry.ownerOf === undefined ? fstatSync(tree.number) : statFolder(entry.ownerOf);
      owned.push({ ...entry, entry, isExposed, tree, owner });
    }
    return { ...entry, tree: trees.length - 1 };
  });
  const kept = await mapOwners(owned, plugin, onNotice);
  return {
    entries: copied,
    trees,
    unmapped: kept.filter(({ isExposed }) => isExposed).map(({ entry }) => entry),
  };
}

function statFolder(path: string): Stats {
  using folder = openFolder(path);
  return fstatSync(folder.number);
}

// The warnings where root may not map the ids of files, because it has no CAP_SYS_ADMIN, for example in a container. Looks at each path's mode.

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
