// Builds the plugin's root on a tmpfs and pivots into it. Runs in the launcher. The host's files come in as detached copies of
// their mounts. They are copied before anything is mounted over them, and made read-only before they are attached.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MAX_TERMINALS } from '../../shared/limits.js';
import { SystemError } from '../../shared/sys/libc.js';
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
import { HiddenPaths } from './hide-paths.js';
import { maskProc } from './mask-proc.js';
import { type LaunchSpec, MESSAGE_QUEUES, type RootEntry } from './spec.js';
import { Stage } from './stage.js';

/** Where the launcher works until the pivot. Any directory will do: the mount is visible in this namespace alone. */
const WORKPLACE = '/tmp';
/** The place of the new root until the pivot. What the launcher itself needs lies beside it, where no path of a plan leads. */
const STAGE = `${WORKPLACE}/root`;
/** One file per page. */
const FILES_PER_MIB = /* protects: G8 limits: how many files may be made is bounded => 4096 */ 256;
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
    const tree = given ?? copyTree(entry.source, entry.directory);
    restrict(tree, entry);
    sources.set(entry, tree);
  }
  return sources;
}

export function buildRoot(spec: LaunchSpec, sources: Sources): void {
  mountNew('tmpfs', WORKPLACE, MS.NOSUID | MS.NODEV, 'mode=0755,size=64k');
  mkdirSync(STAGE);
  mountNew(
    'tmpfs',
    STAGE,
    /* protects: G14 root: its own tmpfs has no set-uid program => 0 */ MS.NOSUID |
      /* protects: G14 root: its own tmpfs has no device => 0 */ MS.NODEV,
    'mode=0755,size=16m',
  );
  const stage = new Stage(STAGE, WORKPLACE);
  const hidden = new HiddenPaths(stage);
  for (const entry of spec.root) {
    if (entry.kind !== 'mask') make(entry, stage, sources.get(entry));
    // test point: hidden
    // protects: G14 root: what is hidden is covered => false;
    else hidden.hide(entry.path, entry.directory, entry.ifThere);
  }
  stage.place('/proc', true).close();
  mountNew(
    'proc',
    `${STAGE}/proc`,
    /* protects: G14 /proc has no set-uid program and no device (whole) => 0 */ MS.NOSUID |
      MS.NODEV |
      MS.NOEXEC,
    '',
  );
  // test point: proc
  // protects: G17 /proc without what the kernel keeps for the whole host
  maskProc(STAGE, hidden);
  // Files of a process set its place in scheduling, out of memory and core dumps; those of init change its memory.
  // test point: proc
  // protects: G17 /proc is read-only, where Landlock is missing too => if (hidden === undefined) $&
  makeMountReadOnly(`${STAGE}/proc`);
  // protects: G14 root: what hides a folder is read-only
  hidden.seal();
  stage.place('/dev/pts', true).close();
  mountNew(
    'devpts',
    `${STAGE}/dev/pts`,
    /* protects: G14 /dev/pts has no set-uid program (whole) => 0 */ MS.NOSUID | MS.NOEXEC,
    /* protects: G18 a plugin cannot take all of the host's pseudo-terminals => `newinstance,ptmxmode=0666,mode=0620` */ `newinstance,ptmxmode=0666,mode=0620,max=${MAX_TERMINALS}`,
  );
  mountQueues(stage);
  process.chdir(STAGE);
  pivotToCurrentDirectory();
  process.chdir('/');
  // From here on nothing is added to the root's own tmpfs. Mounts on it keep their own mode.
  // protects: G14 root: its own tmpfs is read-only
  makeMountReadOnly('/');
}

/** POSIX message queues, mq_overview(7). A kernel may be built without them. */
function mountQueues(stage: Stage): void {
  stage.place(MESSAGE_QUEUES, true).close();
  try {
    mountNew(
      'mqueue',
      `${STAGE}${MESSAGE_QUEUES}`,
      /* protects: G14 /dev/mqueue has no set-uid program and no device (whole) => 0 */ MS.NOSUID |
        MS.NODEV |
        MS.NOEXEC,
      '',
    );
  } catch (error) {
    if (!(error instanceof SystemError && error.code === 'ENODEV')) throw error;
  }
}

function restrict(tree: OwnedFd, entry: Bind): void {
  const attributes =
    /* protects: G14 root: no set-uid program of the host's => 0 */ MOUNT_ATTR.NOSUID |
    (entry.device === true
      ? /* protects: G14 root: no program on a device => 0 */ MOUNT_ATTR.NOEXEC
      : /* protects: G14 no device of the host's but the listed => 0 */ MOUNT_ATTR.NODEV) |
    /* test point: readonly => 0 */ /* protects: G14 the host's mounts are read-only => 0 */ (entry.writable
      ? 0
      : MOUNT_ATTR.RDONLY);
  setTreeAttributes(tree.number, attributes, entry.source);
}

/**
 * A file that the host has replaced since the copy, as ldconfig(8) replaces /etc/ld.so.cache, cannot be attached any more: ENOENT.
 * Then its successor is copied. A file that shows as its owner sees it can only be copied by the supervisor, so it fails.
 */
function attach(tree: OwnedFd, entry: Bind, stage: Stage): void {
  for (let tries = REPLACED_TRIES; ; tries -= 1) {
    try {
      using successor = tries === REPLACED_TRIES ? undefined : copyTree(entry.source, entry.directory);
      if (successor !== undefined) restrict(successor, entry);
      using target = stage.place(entry.path, entry.directory);
      attachTree((successor ?? tree).number, target.number, entry.path);
      return;
    } catch (error) {
      const replaced = error instanceof SystemError && error.code === 'ENOENT' && !entry.directory;
      if (!replaced || entry.asOwner !== undefined || tries === 0) throw error;
    }
  }
}

function make(entry: Exclude<RootEntry, { kind: 'mask' }>, stage: Stage, tree: OwnedFd | undefined): void {
  switch (entry.kind) {
    case 'directory':
      stage.place(entry.path, true, entry.mode).close();
      return;
    case 'symlink':
      inFolder(entry.path, stage, (path) => symlinkSync(entry.to, path));
      stage.noteLink(entry.path, entry.to);
      return;
    case 'file':
      inFolder(entry.path, stage, (path) => writeFileSync(path, entry.content, { mode: 0o644, flag: 'wx' }));
      return;
    case 'scratch':
      stage.place(entry.path, true).close();
      stage
        .mountOn(
          entry.path,
          'tmpfs',
          /* protects: G14 what may be written has no set-uid program and no device (whole) => 0 */ MS.NOSUID |
            MS.NODEV,
          scratchOptions(entry),
        )
        .close();
      return;
    case 'bind':
      if (tree !== undefined) attach(tree, entry, stage);
      tree?.close();
  }
}

/** Links and files are made in the launcher's own file systems alone. */
function inFolder(path: string, stage: Stage, makeAt: (path: string) => void): void {
  using folder = stage.placeOwn(dirname(path));
  makeAt(`/proc/self/fd/${folder.number}/${basename(path)}`);
}

/** Files are limited as pages are: an empty file takes kernel memory, but no page. */
function scratchOptions({ mode, mib }: Extract<RootEntry, { kind: 'scratch' }>): string {
  return `mode=${mode.toString(8)},size=${/* protects: G8 limits: what may be written is bounded => `9${mib}` */ mib}m,nr_inodes=${mib * FILES_PER_MIB}`;
}
