// As root, shows folders to the plugin as their owners see them: it reads what the owner may read, and its files there belong to
// the owner. Runs in the supervisor, on copies of the host's mounts that are not attached yet.
import { fstatSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { mapTreeIds } from '../../../shared/sys/mount.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { shellWord } from '../../host/shell-word.js';
import { fileSystemOf } from '../files/file-system-of.js';
import { groupOf } from './group-of.js';
import { makeIdNamespace } from './make-id-namespace.js';
import { type IdExtent, ownerMap, parseIdExtents } from './owner-map.js';

const FOR_OTHERS = 0o005;

/** A detached copy of a mount, and the path of the host that it shows. */
export interface OwnedTree {
  readonly tree: OwnedFd;
  /** Its owner counts: the tree itself, or the one that it is a part of. */
  readonly ownerTree: OwnedFd;
  readonly source: string;
  readonly writable: boolean;
  /** `asked`: the user named it, so a notice comes even where others may read it. `needed`: a kept home, useless with other ids. */
  readonly asOwner?: 'needed' | 'asked' | 'by itself' | undefined;
  /** The plugin may write nothing there, not even a pipe (fifo(7)), which a read-only mount does not protect. */
  readonly isExposed: boolean;
}

/**
 * A group id that no file has, mapped to itself. Then no group of a file is mapped, and the kernel refuses to write the file
 * (inode_permission()), whatever its mode.
 */
const NO_GROUPS = `${0xfffffffe} ${0xfffffffe} 1\n`;

/**
 * @param plugin the plugin's uid and gid on the host
 * @param onNotice takes one line for each tree whose ids stay as they are, with the reason and the fix
 * @returns the trees whose ids stay as they are
 * @throws PosternError `launch_failed` where no namespace can be made for the maps, `bad_home` where a needed tree keeps its ids
 */
export async function mapOwners<T extends OwnedTree>(
  trees: readonly T[],
  plugin: number,
  onNotice: (text: string) => void,
): Promise<readonly T[]> {
  const kept: T[] = [];
  const uids = parseIdExtents(readFileSync('/proc/self/uid_map', 'utf8'));
  const gids = parseIdExtents(readFileSync('/proc/self/gid_map', 'utf8'));
  const accounts = { passwd: readIfThere('/etc/passwd'), group: readIfThere('/etc/group') };
  const namespaces = new Map<string, OwnedFd>();
  try {
    // Looked up before any is mapped: a mapped tree shows the plugin's ids, and others may be parts of it.
    const owners = trees.map(({ ownerTree }) => fstatSync(ownerTree.number));
    for (const [index, one] of trees.entries()) {
      const { uid, gid: groupOfFolder } = owners[index] ?? fstatSync(one.ownerTree.number);
      // Without a group of the owner, group ids stay as they are.
      const gid = groupOf(uid, groupOfFolder, accounts) ?? plugin;
      const owner = one.asOwner === undefined ? plugin : uid;
      if (owner === plugin && gid === plugin && !one.isExposed) continue;
      const key = one.isExposed ? `${owner}` : `${owner}:${gid}`;
      const groups =
        /* protects: G14 as root, files of an exposed tree have no group that the plugin could write by => false */ one.isExposed
          ? NO_GROUPS
          : mapText(gids, gid, plugin);
      const namespace = namespaces.get(key) ?? (await makeIdNamespace(mapText(uids, owner, plugin), groups));
      namespaces.set(key, namespace);
      const { mapped, notice } = mapOne(one, namespace);
      if (!mapped) kept.push(one);
      if (notice !== undefined) onNotice(notice);
    }
  } finally {
    for (const namespace of namespaces.values()) namespace.close();
  }
  return kept;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function mapText(extents: readonly IdExtent[], owner: number, plugin: number): string {
  return (
    ownerMap(extents, owner, plugin) ??
    extents.map(({ first, count }) => `${first} ${first} ${count}\n`).join('')
  );
}

/** @returns whether the whole tree is mapped, and a notice for the user */
function mapOne(
  { tree, source, writable, asOwner }: OwnedTree,
  namespace: OwnedFd,
): { readonly mapped: boolean; readonly notice?: string } {
  const result = mapTreeIds(tree.number, namespace.number, true);
  if (result === 0) return { mapped: true };
  const path = printable(source);
  const mapsFirst = mapTreeIds(tree.number, namespace.number, false) === 0;
  if (asOwner === undefined) return { mapped: false };
  if (mapsFirst) {
    if (asOwner === 'by itself') return { mapped: false };
    return {
      mapped: false,
      notice: `"${path}" shows as its owner sees it, except what is mounted below it: a file system there cannot map ids (${errnoName(-result)})`,
    };
  }
  const why = `its file system, ${fileSystemOf(source)}, cannot map ids on Linux ${release()} (${errnoName(-result)})`;
  if (asOwner === 'needed') {
    throw new PosternError('bad_home', `Cannot keep a home in "${path}": ${why}`, {
      fix: 'use a folder on ext4, xfs or btrfs, or start postern as its owner',
    });
  }
  const { mode } = fstatSync(tree.number);
  if (asOwner === 'by itself' && (mode & FOR_OTHERS) === FOR_OTHERS) return { mapped: false };
  const keeps = writable
    ? 'the plugin writes only what others may write, and its files belong to its own id'
    : 'the plugin reads only what others may read';
  const fix = `chmod -R ${writable ? 'o+rwX' : 'o+rX'} ${shellWord(source)}`;
  return {
    mapped: false,
    notice: `"${path}" does not show as its owner sees it: ${why}; ${keeps}; ${fix}, use a folder on ext4, xfs or btrfs, or start postern as the owner`,
  };
}
