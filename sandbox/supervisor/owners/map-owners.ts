// Shows files to a plugin with the owners that they have on the host, by id-mapped mounts. Runs in the supervisor.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import { readIfThere } from '../../../shared/read-file.js';
import { errnoName } from '../../../shared/sys/libc.js';
import { mapTreeIds } from '../../../shared/sys/mount.js';
import { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { SYSTEM_PATH } from '../../host/find-program.js';
import { namespacesFailure } from '../../host/namespaces-failure.js';
import { shellWord } from '../../host/shell-word.js';
import { fileSystemOf } from '../files/host-files.js';

// As root, shows folders to the plugin as their owners see them: it reads what the owner may read, and its files there belong to
// the owner. Runs in the supervisor, on copies of the host's mounts that are not attached yet.

const FOR_OTHERS = 0o005;

/** A detached copy of a mount, and the path of the host that it shows. */
export interface OwnedTree {
  readonly tree: OwnedFd;
  /** The owner and the group of the folder whose owner counts: of the tree itself, or of the folder that it is a part of. */
  readonly owner: { readonly uid: number; readonly gid: number };
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
  const accounts = { passwd: readIfThere('/etc/passwd') ?? '', group: readIfThere('/etc/group') ?? '' };
  const namespaces = new Map<string, OwnedFd>();
  try {
    for (const one of trees) {
      const { uid, gid: groupOfFolder } = one.owner;
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

// Computes the id map of a mount whose owner's files the plugin sees as its own. Pure.

/** `count` ids from `first` on. */
interface IdExtent {
  readonly first: number;
  readonly count: number;
}

/** The ids of this process's user namespace, from the text of /proc/self/uid_map or gid_map, user_namespaces(7). */
export function parseIdExtents(text: string): readonly IdExtent[] {
  return text.split('\n').flatMap((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return first === undefined || count === undefined || Number.isNaN(count) ? [] : [{ first, count }];
  });
}

/**
 * The owner's files show as the plugin's, and files that the plugin makes belong to the owner. Every other id stays as it is, so
 * that other files keep their permissions. Files with the plugin's own id, which a former run may have left, show as nobody's.
 *
 * @param extents the ids of this process's user namespace
 * @returns the text of a uid_map or gid_map; undefined where the owner has the plugin's id already, and no map is needed
 */
export function ownerMap(extents: readonly IdExtent[], owner: number, plugin: number): string | undefined {
  if (owner === plugin) return undefined;
  const holes = [owner, plugin].sort((a, b) => a - b);
  const kept = extents.flatMap((extent) => without(extent, holes));
  const lines = kept.map(({ first, count }) => `${first} ${first} ${count}`);
  return [...lines, `${owner} ${plugin} 1`, ''].join('\n');
}

/** @param holes in ascending order */
function without({ first, count }: IdExtent, holes: readonly number[]): IdExtent[] {
  const parts: IdExtent[] = [];
  const end = first + count;
  let next = first;
  for (const hole of holes) {
    if (hole < next || hole >= end) continue;
    if (hole > next) parts.push({ first: next, count: hole - next });
    next = hole + 1;
  }
  if (next < end) parts.push({ first: next, count: end - next });
  return parts;
}

// Finds the group that a plugin may have as the owner of a folder: it must get no rights of a group that the owner is not in. Pure.

interface Accounts {
  /** The text of passwd(5). */
  readonly passwd: string;
  /** The text of group(5). */
  readonly group: string;
}

/**
 * @param uid the folder's owner
 * @param gid the folder's group
 * @returns the folder's group where its owner is root or a member of it, or has no name and the group has the same number. Else the
 *   owner's primary group; undefined where none is known.
 */
export function groupOf(uid: number, gid: number, { passwd, group }: Accounts): number | undefined {
  if (uid === 0) return gid;
  const [name, , , primary] = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find(([, , id]) => id === String(uid)) ?? [undefined];
  if (name === undefined || primary === undefined) return uid === gid ? gid : undefined;
  const isMember = group
    .split('\n')
    .map((line) => line.split(':'))
    .some(([, , id, members = '']) => id === String(gid) && members.split(',').includes(name));
  return isMember ? gid : Number(primary);
}

// Makes a user namespace only for its id maps: mount_setattr(2) takes the maps of an idmapped mount from it. Runs in the
// supervisor, as root.

/** Reports that it runs, and stays until its standard input ends. */
const HOLD = 'echo there; read -r end';

/**
 * @param uidMap the text of its uid_map, user_namespaces(7)
 * @param gidMap the text of its gid_map
 * @returns a descriptor that keeps the namespace, after the process that made it has ended
 * @throws PosternError `launch_failed`, step namespaces
 */
async function makeIdNamespace(uidMap: string, gidMap: string): Promise<OwnedFd> {
  const child = spawn('unshare', ['--user', '--', '/bin/sh', '-c', HOLD], {
    cwd: '/',
    env: { PATH: SYSTEM_PATH },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let words = '';
  const ended = once(child, 'close').catch((error: Error) => {
    words ||= error.message;
  });
  if (child.pid === undefined) {
    // Without a free descriptor the child has no streams either.
    await ended;
    throw namespacesFailure(words);
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  child.stdin.on('error', () => {});
  try {
    const there = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)]);
    if (there === undefined) throw namespacesFailure(words);
    writeFileSync(`/proc/${child.pid}/uid_map`, uidMap);
    writeFileSync(`/proc/${child.pid}/gid_map`, gidMap);
    return new OwnedFd(openSync(`/proc/${child.pid}/ns/user`, 'r'));
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw namespacesFailure((error as Error).message);
  } finally {
    child.stdin.end();
    await ended;
  }
}
