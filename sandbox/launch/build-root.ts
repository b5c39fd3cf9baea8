// Builds the plugin's root on a tmpfs and pivots into it. Runs in the launcher. The host's files come in as detached copies of
// their mounts. They are copied before anything is mounted over them, and made read-only before they are attached.
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { MAX_TERMINALS } from '../../shared/limits.js';
import {
  attachTree,
  copyTree,
  MOUNT_ATTR,
  MS,
  makeMountReadOnly,
  mountNew,
  pivotToCurrentDirectory,
  setTreeAttributes,
} from '../../shared/sys/mount.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { SystemError } from '../../shared/sys/system-error.js';
import { HiddenPaths } from './hide-paths.js';
import { maskProc } from './mask-proc.js';
import type { LaunchSpec, RootEntry } from './spec.js';

/** The place of the new root until the pivot. Any directory will do: the mount is visible in this namespace alone. */
const STAGE = '/tmp';
/** One file per page. */
const FILES_PER_MIB = 256;
/** A file that is replaced all the time is caught between two replacements sooner or later. */
const REPLACED_TRIES = 100;
type Bind = Extract<RootEntry, { kind: 'bind' }>;

/** The copies of the host's mounts, by the entry that shows each. */
export type Sources = ReadonlyMap<RootEntry, OwnedFd>;

/**
 * Called before the launcher changes its ids: only its first ids may enter the folders that hold the mounts.
 *
 * @param trees mounts that a supervisor running as root has copied; the others are copied here
 */
export function takeTrees(spec: LaunchSpec, trees: readonly OwnedFd[]): Sources {
  const sources = new Map<RootEntry, OwnedFd>();
  for (const entry of spec.root) {
    if (entry.kind !== 'bind') continue;
    const given = entry.tree === undefined ? undefined : trees[entry.tree];
    const tree = given ?? copyTree(entry.source, entry.noLinks);
    restrict(tree, entry);
    sources.set(entry, tree);
  }
  return sources;
}

export function buildRoot(spec: LaunchSpec, sources: Sources): void {
  mountNew('tmpfs', STAGE, MS.NOSUID | MS.NODEV, 'mode=0755,size=16m');
  const hidden = new HiddenPaths(STAGE);
  for (const entry of spec.root) {
    if (entry.kind !== 'mask') make(entry, `${STAGE}${entry.path}`, sources.get(entry));
    else hidden.hide(entry.path, entry.directory, entry.ifThere);
  }
  mkdirSync(`${STAGE}/proc`, { recursive: true });
  mountNew('proc', `${STAGE}/proc`, MS.NOSUID | MS.NODEV | MS.NOEXEC, '');
  maskProc(STAGE, hidden);
  // Files of a process set its place in scheduling, out of memory and core dumps; those of init change its memory.
  makeMountReadOnly(`${STAGE}/proc`);
  hidden.seal();
  mkdirSync(`${STAGE}/dev/pts`, { recursive: true });
  mountNew(
    'devpts',
    `${STAGE}/dev/pts`,
    MS.NOSUID | MS.NOEXEC,
    `newinstance,ptmxmode=0666,mode=0620,max=${MAX_TERMINALS}`,
  );
  process.chdir(STAGE);
  pivotToCurrentDirectory();
  process.chdir('/');
  // From here on nothing is added to the root's own tmpfs. Mounts on it keep their own mode.
  makeMountReadOnly('/');
}

function restrict(tree: OwnedFd, entry: Bind): void {
  const attributes =
    MOUNT_ATTR.NOSUID |
    (entry.device === true ? MOUNT_ATTR.NOEXEC : MOUNT_ATTR.NODEV) |
    (entry.writable ? 0 : MOUNT_ATTR.RDONLY);
  setTreeAttributes(tree.number, attributes, entry.source);
}

/**
 * A file that the host has replaced since the copy, as ldconfig(8) replaces /etc/ld.so.cache, cannot be attached any more: ENOENT.
 * Then its successor is copied. A file that shows as its owner sees it can only be copied by the supervisor, so it fails.
 */
function attach(tree: OwnedFd, entry: Bind, target: string): void {
  for (let tries = REPLACED_TRIES; ; tries -= 1) {
    try {
      using successor = tries === REPLACED_TRIES ? undefined : copyTree(entry.source, entry.noLinks);
      if (successor !== undefined) restrict(successor, entry);
      attachTree((successor ?? tree).number, target);
      return;
    } catch (error) {
      const replaced = error instanceof SystemError && error.code === 'ENOENT' && !entry.directory;
      if (!replaced || entry.asOwner !== undefined || tries === 0) throw error;
    }
  }
}

function make(entry: Exclude<RootEntry, { kind: 'mask' }>, target: string, tree: OwnedFd | undefined): void {
  mkdirSync(dirname(target), { recursive: true });
  switch (entry.kind) {
    case 'directory':
      mkdirSync(target, { recursive: true, mode: entry.mode ?? 0o755 });
      return;
    case 'symlink':
      symlinkSync(entry.to, target);
      return;
    case 'file':
      writeFileSync(target, entry.content, { mode: 0o644 });
      return;
    case 'scratch':
      mkdirSync(target, { recursive: true });
      mountNew('tmpfs', target, MS.NOSUID | MS.NODEV, scratchOptions(entry));
      return;
    case 'bind':
      if (entry.directory) mkdirSync(target, { recursive: true });
      else if (!existsSync(target)) writeFileSync(target, '');
      if (tree !== undefined) attach(tree, entry, target);
      tree?.close();
  }
}

/** Files are limited as pages are: an empty file takes kernel memory, but no page. */
function scratchOptions({ mode, mib }: Extract<RootEntry, { kind: 'scratch' }>): string {
  return `mode=${mode.toString(8)},size=${mib}m,nr_inodes=${mib * FILES_PER_MIB}`;
}
