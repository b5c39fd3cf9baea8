// mount(2), open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2), umount2(2). Runs in the launcher; open_tree in
// the supervisor, mount_setattr in the broker too, where they are root.
import { constants } from 'node:os';
import { AT_FDCWD } from './file-constants.js';
import { bind } from './libc.js';
import { openFolder } from './open-folder.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallAt, syscallAtAt, syscallAtStruct, syscallPaths } from './syscall.js';
import { succeed } from './system-error.js';

const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MNT_DETACH = 2;
const MS_PRIVATE = 1 << 18;
const MOUNT_ATTR_IDMAP = 0x00100000;
const BUSY_TRIES = 100;
const BUSY_PAUSE_MS = 5;

/** mount_setattr(2) attributes. */
export const MOUNT_ATTR = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8 } as const;
/** mount(2) flags. */
export const MS = { NOSUID: 2, NODEV: 4, NOEXEC: 8 } as const;

const mountCall = bind(
  'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
);
const umount2 = bind('int umount2(const char *target, int flags)');

/** Mounts a new file system of a type such as tmpfs, proc or devpts. */
export function mountNew(type: string, target: string, flags: number, options: string): void {
  succeed(mountCall(type, target, type, flags, options), `mount ${type}`, target);
}

/**
 * A detached copy of the mount at `path` with all below it, to be attached elsewhere. It is private: on a host whose mounts are shared
 * (systemd's default) a copy would be their peer, and each mount or unmount in one would be made in the other, mount_namespaces(7).
 *
 * @param noLinks the path is a folder's, and must not lead through a link: ELOOP where it does
 */
export function copyTree(path: string, noLinks = false): OwnedFd {
  const tree = noLinks ? cloneFolder(path) : cloneTree(AT_FDCWD, path, 0, path);
  try {
    makeTreePrivate(tree.number, path);
    return tree;
  } catch (error) {
    tree.close();
    throw error;
  }
}

function cloneFolder(path: string): OwnedFd {
  using folder = openFolder(path);
  return cloneTree(folder.number, '', AT_EMPTY_PATH, path);
}

function cloneTree(at: number, path: string, flags: number, subject: string): OwnedFd {
  const all = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | flags;
  return new OwnedFd(succeed(syscallAt(SYS.open_tree, at, path, all), 'open_tree', subject));
}

function makeTreePrivate(tree: number, path: string): void {
  setTree(tree, encodeAttributes({ propagation: MS_PRIVATE }), path);
}

/** Sets attributes on a detached tree, all mounts below included. */
export function setTreeAttributes(tree: number, attributes: number, path: string): void {
  setTree(tree, encodeAttributes({ set: attributes }), path);
}

function setTree(tree: number, bytes: Uint8Array, path: string): void {
  const flags = AT_EMPTY_PATH | AT_RECURSIVE;
  succeed(syscallAtStruct(SYS.mount_setattr, tree, '', flags, bytes, bytes.length), 'mount_setattr', path);
}

/**
 * Shows the files of a detached tree under other ids, mount_setattr(2) MOUNT_ATTR_IDMAP: an id that the namespace maps shows as the one that
 * it is mapped to, and is written back as itself.
 *
 * @param namespace a descriptor of a user namespace, whose maps are the ids'
 * @param recursive whether the mounts below are mapped too: all of them, or none
 * @returns 0, or minus errno: EINVAL where a file system cannot map ids, EPERM where it is not this user's to map
 */
export function mapTreeIds(tree: number, namespace: number, recursive: boolean): number {
  const bytes = encodeAttributes({ set: MOUNT_ATTR_IDMAP, namespace });
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return syscallAtStruct(SYS.mount_setattr, tree, '', flags, bytes, bytes.length);
}

/** struct mount_attr: attributes to set and to clear, propagation, descriptor of a user namespace. */
function encodeAttributes(attributes: {
  set?: number;
  propagation?: number;
  namespace?: number;
}): Uint8Array {
  const { set = 0, propagation = 0, namespace = 0 } = attributes;
  return new Uint8Array(new BigUint64Array([BigInt(set), 0n, BigInt(propagation), BigInt(namespace)]).buffer);
}

/** Makes one mount read-only, not those upon it. */
export function makeMountReadOnly(path: string): void {
  const bytes = encodeAttributes({ set: MOUNT_ATTR.RDONLY });
  const attempt = (): number => syscallAtStruct(SYS.mount_setattr, AT_FDCWD, path, 0, bytes, bytes.length);
  let result = attempt();
  // A file that was written there and closed is let go of a moment later.
  for (let tries = 0; result === -constants.errno.EBUSY && tries < BUSY_TRIES; tries += 1) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_PAUSE_MS);
    result = attempt();
  }
  succeed(result, 'mount_setattr', path);
}

/** Makes every mount of this mount namespace read-only, without set-uid programs and devices. */
export function makeAllMountsReadOnly(): void {
  const attributes = MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV;
  const bytes = encodeAttributes({ set: attributes });
  const flags = AT_RECURSIVE;
  succeed(
    syscallAtStruct(SYS.mount_setattr, AT_FDCWD, '/', flags, bytes, bytes.length),
    'mount_setattr',
    '/',
  );
}

/** Attaches a detached tree at `target`, which must exist and be of the same kind (directory or not). */
export function attachTree(tree: number, target: string): void {
  const result = syscallAtAt(SYS.move_mount, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
  succeed(result, 'move_mount', target);
}

/** Makes the current directory, a mount point, the root of this mount namespace, and lets go of the old root. */
export function pivotToCurrentDirectory(): void {
  // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one and is taken off at once.
  succeed(syscallPaths(SYS.pivot_root, '.', '.'), 'pivot_root');
  succeed(umount2('.', MNT_DETACH), 'umount2', '/');
}
