// Builds the plugin's root on a tmpfs and pivots into it. Runs in the launcher. The host's files come in as detached copies of
// their mounts. They are copied before anything is mounted over them, and made read-only before they are attached.

import { fstatSync, mkdirSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { MAX_TERMINALS } from '../../shared/limits.js';
import { SystemError } from '../../shared/sys/libc.js';
import { copyRootLocked } from '../../shared/sys/locked-copy.js';
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
import { makeFileAt, makeFolderAt, openBelow, openFolder } from '../../shared/sys/open-folder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { type LaunchSpec, MESSAGE_QUEUES, type RootEntry } from './spec.js';

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
type Sources = ReadonlyMap<RootEntry, OwnedFd>;

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

/** @returns a writable copy of the new /proc: an engine may have made that of its container read-only */
export function buildRoot(spec: LaunchSpec, sources: Sources): OwnedFd {
  // The bundles of certificates that a gateway needs are the largest of what it holds.
  mountNew('tmpfs', WORKPLACE, MS.NOSUID | MS.NODEV, 'mode=0755,size=8m');
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
    else hidden.hide(entry.path, entry.directory, entry.ifThere, entry.content);
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
  const writable = copyTree(`${STAGE}/proc`, true);
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
  return writable;
}

export function enterRoot(): void {
  process.chdir(STAGE);
  pivotToCurrentDirectory();
  process.chdir('/');
}

/**
 * Puts a copy of the root in its place. A plugin can pass a descriptor of a folder to another one, or leave it in the queue of its listener. So the
 * descriptor can outlive the run, and what covers a path in that folder must outlive it as well.
 */
export function lockRoot(): void {
  using root =
    /* protects: G14 root: what covers a path stays there after the run => copyTree('/', true) */ copyRootLocked();
  using place = openFolder('/');
  attachTree(root.number, place.number, '/');
  process.chdir(`/proc/self/fd/${root.number}`);
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

// The plugin's root while it is built. A plugin may exchange files in trees that are attached already, those of the
// same user or of another start. So each part of a path is opened without following a link, nothing is made in such a tree, and what was
// opened is what is mounted on.

const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

export class Stage {
  readonly path: string;
  /** A folder of the launcher's own outside of the new root. No path of a plan leads there, whatever names the host has. */
  readonly workplace: string;
  /** The devices of the file systems that the launcher has made. */
  readonly #own = new Set<number>();
  readonly #links = new Map<string, string>();

  /** @param path a tmpfs of the launcher's own */
  constructor(path: string, workplace: string) {
    this.path = path;
    this.workplace = workplace;
    using root = openFolder(path);
    this.adopt(root);
  }

  /** @param folder in a file system that the launcher has made: files may be made there */
  adopt(folder: OwnedFd): void {
    this.#own.add(fstatSync(folder.number).dev);
  }

  /** A link that the launcher made: paths that lead through it are meant to. */
  noteLink(path: string, to: string): void {
    this.#links.set(path, resolve(dirname(path), to));
  }

  /**
   * @param path absolute, in the new root
   * @returns a handle (O_PATH)
   * @throws SystemError ENOENT, ELOOP for a link, EACCES, ENOTDIR
   */
  find(path: string, directory: boolean): OwnedFd {
    return this.#walk(path, directory, undefined);
  }

  /** As {@link find}. What is missing is made, but only in the launcher's own file systems. */
  place(path: string, directory: boolean, mode: number = directory ? FOLDER_MODE : FILE_MODE): OwnedFd {
    return this.#walk(path, directory, mode);
  }

  /** As {@link place}, for a folder in which the launcher may make files. @throws SystemError EROFS for another */
  placeOwn(path: string): OwnedFd {
    const folder = this.place(path, true);
    if (this.#own.has(fstatSync(folder.number).dev)) return folder;
    folder.close();
    throw new SystemError('openat2', constants.errno.EROFS, path);
  }

  /** Mounts a new file system. @returns a handle of its root */
  mountOn(path: string, type: string, flags: number, options: string): OwnedFd {
    using target = this.find(path, true);
    const aside = `${/* protects: G14 the launcher's own folder for a new mount lies outside of the root => this.path */ this.workplace}/aside`;
    mkdirSync(aside);
    mountNew(type, aside, flags, options);
    const mounted = openFolder(aside);
    attachTree(mounted.number, target.number, path);
    rmdirSync(aside);
    this.adopt(mounted);
    return mounted;
  }

  #walk(path: string, directory: boolean, mode: number | undefined): OwnedFd {
    const parts = this.#withoutOwnLinks(path)
      .split('/')
      .filter((name) => name !== '');
    let folder = openFolder(this.path);
    for (const [index, name] of parts.entries()) {
      using from = folder;
      const isLast = index === parts.length - 1;
      const kind = { directory: !isLast || directory, mode: isLast ? mode : mode && FOLDER_MODE };
      folder = this.#step(from.number, name, path, kind);
    }
    return folder;
  }

  #step(
    from: number,
    name: string,
    path: string,
    { directory, mode }: { readonly directory: boolean; readonly mode: number | undefined },
  ): OwnedFd {
    try {
      return openBelow(from, name, directory, path);
    } catch (error) {
      const missing = error instanceof SystemError && error.code === 'ENOENT';
      if (
        !missing ||
        mode === undefined ||
        /* protects: G14 no mount point is made in an attached tree */ !this.#own.has(fstatSync(from).dev)
      )
        throw error;
      if (directory) makeFolderAt(from, name, mode);
      else makeFileAt(from, name, mode);
      return openBelow(from, name, directory, path);
    }
  }

  #withoutOwnLinks(path: string): string {
    for (const [link, to] of this.#links)
      if (path.startsWith(`${link}/`)) return this.#withoutOwnLinks(`${to}${path.slice(link.length)}`);
    return path;
  }
}

// Hides paths from the plugin by mounting an empty folder or file over them. The plugin may not mount: it can
// neither remove the mount nor rename the path below it.

export class HiddenPaths {
  readonly #stage: Stage;
  readonly #folders = new Map<string, OwnedFd>();

  /** @param stage the new root, a tmpfs that is still writable */
  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /**
   * As root the launcher has the plugin's ids, which may not enter every folder of the host. Then the whole folder is hidden, since its
   * mode may change later.
   *
   * @param ifThere whether nothing is to do for a path that does not exist
   */
  hide(path: string, directory: boolean, ifThere = false, content = ''): void {
    try {
      if (directory) this.#hideFolder(path);
      else this.#hideFile(path, content);
    } catch (error) {
      if (ifThere && error instanceof SystemError && error.code === 'ENOENT') return;
      if (!(error instanceof SystemError && error.code === 'EACCES') || dirname(path) === '/') throw error;
      this.hide(dirname(path), true);
    }
  }

  /** Called when everything is in its place. */
  seal(): void {
    for (const folder of this.#folders.values()) {
      makeMountReadOnly(folder);
      folder.close();
    }
    this.#folders.clear();
  }

  #hideFolder(path: string): void {
    if (this.#folders.has(path)) return;
    const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
    this.#folders.set(path, this.#stage.mountOn(path, 'tmpfs', flags, 'mode=0555,size=64k'));
  }

  #hideFile(path: string, content: string): void {
    const source = `${/* protects: G14 the launcher's own file for a hidden path lies outside of the root => this.#stage.path */ this.#stage.workplace}/hidden`;
    writeFileSync(source, content, { mode: 0o444, flag: 'wx', encoding: 'base64' });
    try {
      using empty = copyTree(source, false);
      const attributes =
        /* protects: G14 root: what hides a file is read-only */ MOUNT_ATTR.RDONLY |
        MOUNT_ATTR.NOSUID |
        MOUNT_ATTR.NODEV |
        MOUNT_ATTR.NOEXEC;
      setTreeAttributes(empty.number, attributes, source);
      using target = this.#stage.find(path, false);
      attachTree(empty.number, target.number, path);
    } finally {
      // The mount keeps the file, and no path leads to it. A file that is removed already cannot be attached, d_set_mounted().
      rmSync(source);
    }
  }
}

// Hides the files of a fresh /proc that tell about the host: the kernel has no namespace for them.

/** They name network interfaces and servers, the user's keys, and the host's boot parameters, proc(5). */
const FACTS_OF_THE_HOST: readonly string[] = [
  'bootconfig',
  'bus',
  'cmdline',
  'driver',
  'fs',
  'interrupts',
  'irq',
  'kcore',
  'key-users',
  'keys',
  'kmsg',
  'latency_stats',
  'sched_debug',
  'scsi',
  'softirqs',
  'timer_list',
];

/** Skips a file that this kernel does not have. @param stage the place of the root that has a fresh /proc */
function maskProc(stage: string, hidden: HiddenPaths): void {
  for (const name of FACTS_OF_THE_HOST) {
    const found = statSync(`${stage}/proc/${name}`, { throwIfNoEntry: false });
    if (found !== undefined) hidden.hide(`/proc/${name}`, found.isDirectory());
  }
}
