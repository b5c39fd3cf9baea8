// mount(2), open_tree(2), move_mount(2), mount_setattr(2), pivot_root(2), umount2(2). Runs in the launcher. As root, the supervisor uses
// open_tree too, and the broker mount_setattr.
import { constants } from 'node:os';
import { AT_FDCWD } from './fcntl.js';
import { bind, succeed } from './libc.js';
import { openFolder, openWithoutLinks } from './open-folder.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallAt, syscallAtAt, syscallAtStruct, syscallPaths } from './syscall.js';

const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
/** For open_tree(2): a copy with all mounts below it. */
export const COPY_FLAGS: number = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
const MNT_DETACH = 2;
const MS_PRIVATE = 1 << 18;
const MOUNT_ATTR_IDMAP = 0x00100000;
const BUSY_TRIES = 100;
const BUSY_PAUSE_MS = 5;

/** Attributes of mount_setattr(2). */
export const MOUNT_ATTR = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8 } as const;
/** Flags of mount(2). */
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
 * A detached copy of the mount at `path` with all mounts below it, to attach elsewhere. The copy is private. On a host with shared mounts,
 * which is systemd's default, it would be their peer: each mount or unmount in one would happen in the other, mount_namespaces(7).
 *
 * The file is opened first, through no link, and what is open is copied.
 *
 * @throws SystemError ELOOP if any part of the path is a link, ENOTDIR
 */
export function copyTree(path: string, directory: boolean): OwnedFd {
  using opened = directory ? openFolder(path) : openWithoutLinks(path);
  const flags = COPY_FLAGS | AT_EMPTY_PATH;
  const tree = new OwnedFd(succeed(syscallAt(SYS.open_tree, opened.number, '', flags), 'open_tree', path));
  try {
    // protects: G14 no mount passes between the host and a sandbox (as root)
    makeTreePrivate(tree.number, path);
    return tree;
  } catch (error) {
    tree.close();
    throw error;
  }
}

/** @throws SystemError */
export function makeTreePrivate(tree: number, path: string): void {
  setTree(tree, encodeAttributes({ propagation: MS_PRIVATE }), path);
}

/** Sets attributes on a detached tree and all mounts below it. */
export function setTreeAttributes(tree: number, attributes: number, path: string): void {
  setTree(tree, encodeAttributes({ set: attributes }), path);
}

function setTree(tree: number, bytes: Uint8Array, path: string): void {
  const flags = AT_EMPTY_PATH | AT_RECURSIVE;
  succeed(syscallAtStruct(SYS.mount_setattr, tree, '', flags, bytes, bytes.length), 'mount_setattr', path);
}

/**
 * Shows the files of a detached tree under other ids, mount_setattr(2) MOUNT_ATTR_IDMAP. An id that the namespace maps shows as the id that
 * it is mapped to, and is written back as itself.
 *
 * @param namespace a descriptor of a user namespace with the maps of ids
 * @param recursive whether to map the mounts below too: all of them or none
 * @returns 0, or minus errno: EINVAL if a file system cannot map ids, EPERM if this user may not map it
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

/** Makes one mount read-only, but not the mounts below it. @param mount its path, or a handle of its root */
export function makeMountReadOnly(mount: string | OwnedFd): void {
  const bytes = encodeAttributes({ set: MOUNT_ATTR.RDONLY });
  const [at, path, flags] =
    typeof mount === 'string' ? [AT_FDCWD, mount, 0] : [mount.number, '', AT_EMPTY_PATH];
  const attempt = (): number => syscallAtStruct(SYS.mount_setattr, at, path, flags, bytes, bytes.length);
  let result = attempt();
  // The kernel releases a file that was written there a moment after it is closed.
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

/**
 * Attaches a detached tree, or moves a mount.
 *
 * @param tree a handle of its root
 * @param target a handle of a file of the same kind (directory or not)
 * @param path the target's path for messages
 */
export function attachTree(tree: number, target: number, path: string): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  succeed(syscallAtAt(SYS.move_mount, tree, '', target, '', flags), 'move_mount', path);
}

/** Makes the current directory, which is a mount point, the root of this mount namespace, and unmounts the old root. */
export function pivotToCurrentDirectory(): void {
  // pivot_root(2), "pivot_root(".", ".")": the old root lies over the new one, and is unmounted at once.
  succeed(syscallPaths(SYS.pivot_root, '.', '.'), 'pivot_root');
  succeed(umount2('.', MNT_DETACH), 'umount2', '/');
}
