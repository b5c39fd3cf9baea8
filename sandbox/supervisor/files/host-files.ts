// The host's file system as the checks of paths see it: real paths, mounts, and what lies within what. Runs in the supervisor.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { DEVICES } from '../../launch/spec.js';

// Answers the questions of plan-root.ts about the host's files.

/** The kind of file at a path. A link in its last part is not followed. */
export type PathKind = 'directory' | 'file' | 'link' | 'other' | 'absent';
export interface HostFiles {
  readonly kind: (path: string) => PathKind;
  readonly readLink: (path: string) => string;
  /** The names in a folder; none where no folder is, or where it cannot be read. */
  readonly list: (path: string) => readonly string[];
  /** The path with every link resolved; undefined where no file is there. */
  readonly real: (path: string) => string | undefined;
  /** UID:GID of the file; undefined where no file is there. */
  readonly owner: (path: string) => string | undefined;
  /** Other paths of the same file, whose file system is mounted more than once. */
  readonly aliases: (path: string) => readonly string[];
}

export const hostFiles: HostFiles = {
  kind: (path): PathKind => {
    const stats = statsOf(path);
    if (stats === undefined) return 'absent';
    if (stats.isSymbolicLink()) return 'link';
    if (stats.isDirectory()) return 'directory';
    return stats.isFile() ? 'file' : 'other';
  },
  readLink: (path) => readlinkSync(path),
  list: (path) => {
    try {
      return readdirSync(path);
    } catch {
      return [];
    }
  },
  real: (path) => {
    try {
      // realpath(3): Node's own looks at each part of the path by a call of its own.
      return realpathSync.native(path);
    } catch {
      return undefined;
    }
  },
  owner: (path) => {
    const stats = statsOf(path);
    return stats === undefined ? undefined : `${stats.uid}:${stats.gid}`;
  },
  aliases: (path) => mountAliases(path, mountsOfThisTurn()),
};

/** Undefined also where a part of the way is no folder, or may not be entered. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

// Compares absolute paths as they are written: no link is followed.

/** Whether `path` lies at or below a folder. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** Moves a path from below `from` to below `to`. */
export function moved(path: string, from: string, to: string): string {
  const rest = path === from ? '' : path.slice(from === '/' ? 0 : from.length);
  return rest === '' ? to : `${to === '/' ? '' : to}${rest}`;
}

// Finds the other paths of a file whose file system is mounted more than once: a file that is hidden at one path must be hidden
// at all of them. So must a file of a file system that is mounted below it. A pure function of the text of /proc/self/mountinfo, proc(5).

/** The mounts of this process. Bytes that are no UTF-8 become U+FFFD. */
export function readMounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

let ofThisTurn: string | undefined;

/** The start of a plugin asks about some hundred paths in one turn of the event loop, and the kernel writes this text anew for each reader. */
function mountsOfThisTurn(): string {
  if (ofThisTurn === undefined) {
    ofThisTurn = readMounts();
    queueMicrotask(() => {
      ofThisTurn = undefined;
    });
  }
  return ofThisTurn;
}

interface Mount {
  readonly device: string;
  /** The path within the file system that is mounted at `point`. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
  /** The mount; its file system may be read-only all the same. */
  readonly isReadOnly: boolean;
}

/** @param path without a link in it @returns other paths of the file, and of the file systems that are mounted below it */
export function mountAliases(path: string, mountinfo: string): readonly string[] {
  const mounts = parseMounts(mountinfo);
  const below = mounts
    .filter(({ point }) => point !== path && isWithin(point, path))
    .flatMap(({ point }) => aliasesOf(point, mounts))
    // A folder that is mounted within itself does not hide itself.
    .filter((alias) => !isWithin(path, alias));
  const aliases =
    /* protects: G14 what is mounted below a path counts too => aliasesOf(path, mounts) */ /* protects: G14 what is mounted below a hidden folder is hidden elsewhere too (as root) => aliasesOf(path, mounts) */ [
      ...aliasesOf(path, mounts),
      ...below,
    ];
  return [...new Set(aliases)].filter((one) => !isWithin(one, path));
}

function aliasesOf(path: string, mounts: readonly Mount[]): string[] {
  const own = mountOf(path, mounts);
  if (own === undefined) return [];
  const inside = moved(path, own.point, own.root);
  return mounts
    .filter((mount) => mount !== own && mount.device === own.device)
    .flatMap((mount) => {
      // The other mount shows a folder that holds it, or something below it.
      if (isWithin(inside, mount.root)) {
        const alias = moved(inside, mount.root, mount.point);
        return mountOf(alias, mounts) === mount ? [alias] : [];
      }
      return isWithin(mount.root, inside) && mountOf(mount.point, mounts) === mount ? [mount.point] : [];
    });
}

/** The innermost mount that holds the path; of several at one place, the topmost. */
function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found;
}

/** A start asks about many paths, while no mount changes. */
let last: { readonly text: string; readonly mounts: readonly Mount[] } | undefined;

/** @param mountinfo the text of /proc/self/mountinfo */
function parseMounts(mountinfo: string): readonly Mount[] {
  if (last?.text !== mountinfo) last = { text: mountinfo, mounts: mountsIn(mountinfo) };
  return last.mounts;
}

/** Those that a path leads to. */
function mountsIn(mountinfo: string): readonly Mount[] {
  const listed = mountinfo.split('\n').flatMap(parseMount);
  return /* protects: G14 a mount that another one covers shows at no path => listed */ reachable(listed);
}

interface ListedMount extends Mount {
  readonly id: string;
  /** What it is mounted on. */
  readonly parent: string;
}

function parseMount(line: string): ListedMount[] {
  const [id = '', parent = '', device, root, point, options = ''] = line.split(' ');
  if (device === undefined || root === undefined || point === undefined) return [];
  const [type = 'unknown'] = line.split(' - ')[1]?.split(' ') ?? [];
  const isReadOnly = options.split(',').includes('ro');
  return [{ id, parent, device, root: plain(root), point: plain(point), type, isReadOnly }];
}

/**
 * Leaves out what is covered. A mount can be put on the root of another one, or on a folder above it, and the list tells that by their parents alone. From a
 * mount, a path enters the outermost of those that are mounted on it.
 */
function reachable(listed: readonly ListedMount[]): readonly Mount[] {
  const ids = new Set(listed.map(({ id }) => id));
  const upon = new Map<string, ListedMount[]>();
  // What the topmost is mounted on is not listed: it lies outside of the root of the process. The first one of all names itself.
  const waiting: ListedMount[] = [];
  for (const mount of listed) {
    const { id, parent } = mount;
    if (id === parent || !ids.has(parent)) waiting.push(mount);
    else upon.get(parent)?.push(mount) ?? upon.set(parent, [mount]);
  }
  const found = new Set<Mount>();
  for (let mount = waiting.pop(); mount !== undefined; mount = waiting.pop()) {
    const { id, point } = mount;
    const inner = upon.get(id) ?? [];
    const cover = inner.find((one) => one.point === point);
    // A process keeps its root, also where something is mounted on it.
    if (cover !== undefined && point !== '/') {
      waiting.push(cover);
      continue;
    }
    found.add(mount);
    waiting.push(...outermostOf(inner.filter((one) => one !== cover)));
  }
  return listed.filter((mount) => found.has(mount));
}

/** @param mounts all of one parent */
function outermostOf(mounts: readonly ListedMount[]): readonly ListedMount[] {
  const points = new Set(mounts.map(({ point }) => point));
  return mounts.filter(({ point }) => !foldersAbove(point).some((folder) => points.has(folder)));
}

function foldersAbove(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

/** The kernel writes blanks and backslashes in octal. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

// Finds what of the host's files a sandbox shows for writing, by its mounts and this process's. Pure.

/** The mounts of a sandbox, as its pid 1 shows them. */
export interface SandboxMounts {
  /** Of the sandbox's pid 1, on the host. */
  readonly pid: number;
  /** A supervisor in this very process runs it. */
  readonly isOfThisProcess: boolean;
  readonly mountinfo: string;
}

/** Every sandbox has them for writing. Containers mount /dev/null over what they hide. */
const SHOWN_DEVICES: readonly string[] = DEVICES.map((name) => `/dev/${name}`);

/**
 * @param theirs the text of a sandbox's mountinfo
 * @param ours that of /proc/self/mountinfo
 * @returns tells of a path without a link in its folder whether the sandbox's plugin may write it, put something there, or write below it
 */
export function writableIn(theirs: string, ours: string): (path: string) => boolean {
  const own = parseMounts(ours);
  const mounts = mountsIn(theirs);
  const [root, ownRoot] = [mountOf('/', mounts), mountOf('/', own)];
  // The sandbox is being built: its program does not run yet, and the mounts are the host's.
  const isBuilt = root !== undefined && (root.device !== ownRoot?.device || root.root !== ownRoot.root);
  const open = mounts.filter(
    ({ isReadOnly, point, device }) =>
      isBuilt && !isReadOnly && !SHOWN_DEVICES.includes(point) && own.some((one) => one.device === device),
  );
  const shows = (mount: Mount, inside: string): boolean =>
    isWithin(inside, mount.root)
      ? mountOf(moved(inside, mount.root, mount.point), mounts) === mount
      : isWithin(mount.root, inside) && mountOf(mount.point, mounts) === mount;
  return (path) => {
    if (open.length === 0) return false;
    const below = own.filter(({ point }) => point !== path && isWithin(point, path));
    const at = mountOf(path, own);
    return [
      ...(at === undefined ? [] : [{ device: at.device, inside: moved(path, at.point, at.root) }]),
      ...below.map(({ device, root: inside }) => ({ device, inside })),
    ].some(({ device, inside }) => open.some((mount) => mount.device === device && shows(mount, inside)));
  };
}

// Finds mounts of file systems that show the kernel's own facts and settings. Pure. Those with devices alone are none: no device opens on a
// plugin's mounts (nodev), and containers mount /dev/null over files.

const KERNEL_TYPES = [
  ...['proc', 'sysfs', 'cgroup', 'cgroup2', 'debugfs', 'tracefs', 'securityfs', 'bpf'],
  ...['configfs', 'efivarfs', 'pstore', 'selinuxfs', 'smackfs', 'binfmt_misc', 'mqueue', 'fusectl', 'nsfs'],
  ...['nfsd', 'rpc_pipefs', 'resctrl', 'hugetlbfs'],
];

/** A user may name a folder in one of these, such as /sys/devices/system/cpu, and no other may be shown. */
const MAY_SHOW_IN_PART = ['sysfs', 'cgroup', 'cgroup2'];

/** @param mountinfo the text of /proc/self/mountinfo */
export function kernelMounts(mountinfo: string): readonly Mount[] {
  return parseMounts(mountinfo).filter(
    /* protects: G17 a proc of the host's below a shown folder is covered (as root) => () => false */ ({
      type,
    }) => KERNEL_TYPES.includes(type),
  );
}

/**
 * Whether a path is a file system of the kernel, or lies in one that must not show even in part.
 *
 * @param path without a link in it
 * @param mountinfo the text of /proc/self/mountinfo
 * @returns the mount because of which the path must not show; undefined where it may
 */
export function kernelMountAt(path: string, mountinfo: string): Mount | undefined {
  const mount = mountOf(path, parseMounts(mountinfo));
  if (mount === undefined || !KERNEL_TYPES.includes(mount.type)) return undefined;
  return mount.point !== path && MAY_SHOW_IN_PART.includes(mount.type) ? undefined : mount;
}

/** As {@link kernelMountAt}, for a path that the plugin would write: no part of these file systems is writable. */
export function kernelMountOf(path: string, mountinfo: string): Mount | undefined {
  const mount = mountOf(path, parseMounts(mountinfo));
  return mount !== undefined && KERNEL_TYPES.includes(mount.type) ? mount : undefined;
}

// Finds the type of the file system that holds a path, as proc_pid_mountinfo(5) names it.

/** @param path without a link in it @returns as in `ext4`; `unknown` where no mount is found */
export function fileSystemOf(path: string, mountinfo: string = readMounts()): string {
  return mountOf(path, parseMounts(mountinfo))?.type ?? 'unknown';
}

// Reads the beginning of a file that a plugin may have replaced. Opening a pipe waits for its other end, and opening a device may
// act on it. So the path is opened with O_PATH first, open(2), and read only where it is a regular file.

const O_PATH = 0o10000000;

/** @returns at most `bytes` bytes; undefined where there is no readable regular file */
export function readStart(path: string, most: number): Buffer | undefined {
  const held: number[] = [];
  const open = (what: string, flags: number): number => {
    const fd = openSync(what, flags);
    held.push(fd);
    return fd;
  };
  try {
    const place = open(path, O_PATH);
    if (!fstatSync(place).isFile()) return undefined;
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(open(`/proc/self/fd/${place}`, constants.O_RDONLY), bytes, 0, most, 0));
  } catch {
    return undefined;
  } finally {
    for (const fd of held) closeSync(fd);
  }
}
