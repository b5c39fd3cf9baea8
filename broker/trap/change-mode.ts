// A trapped chmod(2), fchmod(2), fchmodat(2) or fchmodat2(2) with S_ISGID. A folder may have that bit, and no other file: a program with it runs
// with another group. The kernel does not execute the call as the plugin wrote it: between a look at the file and the call, another
// thread could exchange it. The broker's sandbox forbids chmod(2), so a thread of the supervisor makes the call. Runs in the broker.

import { fstatSync, readlinkSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { AT_FDCWD, isHandle } from '../../shared/sys/fcntl.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import type { Notification } from '../../shared/sys/seccomp-notify.js';
import type { FolderMode } from '../../shared/sys/set-folder-mode.js';
import type { ModeCall } from '../../shared/trap-calls.js';
import { copyPath } from '../caller/caller-memory.js';
import { callerFolderLink, processInside } from '../caller/caller-processes.js';
import type { TrappedCall } from '../caller/trapped-call.js';
import { refuseFull } from './answers.js';
import { closeTaken } from './close-taken.js';
import type { TrapContext } from './trap-context.js';

const { EBADF, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM } = constants.errno;

const SLASH = 0x2f;

/** What a call is about: its path, and a duplicate of its descriptor, or minus errno of either. */
interface Named {
  readonly path: Uint8Array | number | undefined;
  readonly descriptor: OwnedFd | number | undefined;
}

/** Ends the call, now or when the supervisor has made it. */
export function changeMode(context: TrapContext, call: TrappedCall, name: ModeCall): void {
  const {
    services: { guard },
    plugin: { stall, descriptors, closing },
    processes,
  } = context;
  const request = readModeCall(name, call.notification);
  if (typeof request === 'number') {
    endWith(call, request, 'error');
    return;
  }
  if ((stall.slow || closing > 0) && !descriptors.hasRoom(1)) {
    refuseFull(context, call);
    return;
  }
  if (stall.slow) {
    void reachApart(context, call, request);
    return;
  }
  guard.watch(stall, () => {
    const path = request.path === undefined ? undefined : copyPath(call.tid, request.path);
    const descriptor = needsDescriptor(request, path) ? processes.take(call.tid, call.descriptor) : undefined;
    order(context, call, request, { path, descriptor });
  });
}

/** Waits for the plugin's locks on the slow lane. */
async function reachApart(context: TrapContext, call: TrappedCall, request: ModeRequest): Promise<void> {
  const {
    services: { guard, slowLane },
    plugin: { stall },
  } = context;
  const named: { path: Named['path']; descriptor: Named['descriptor'] } = {
    path: undefined,
    descriptor: undefined,
  };
  try {
    if (request.path !== undefined) named.path = await slowLane.copyPath(stall, call, request.path);
    if (needsDescriptor(request, named.path))
      named.descriptor = (await slowLane.reach(stall, call, undefined)).descriptor;
  } catch {
    // Without a descriptor for the alarm nothing could end a step that waits.
    refuseFull(context, call);
    return;
  }
  guard.watch(stall, () => order(context, call, request, named));
}

/** The kernel looks at the path first. */
function needsDescriptor({ descriptor, mayBeEmpty }: ModeRequest, path: Named['path']): boolean {
  if (descriptor === undefined || typeof path === 'number') return false;
  return path === undefined || (path.length === 0 ? mayBeEmpty : path[0] !== SLASH);
}

function order(
  context: TrapContext,
  call: TrappedCall,
  request: ModeRequest,
  { path, descriptor }: Named,
): void {
  const { plugin, setFolderMode } = context;
  const { mode, keepsLink } = request;
  if (descriptor instanceof OwnedFd) plugin.descriptors.hold(descriptor);
  const place =
    typeof path === 'number'
      ? path
      : typeof descriptor === 'number'
        ? descriptor
        : findFolder(call.tid, descriptor?.number, path, request);
  if (descriptor instanceof OwnedFd) closeTaken(context, descriptor, undefined);
  const self = processInside(call.tid);
  // If the call still waits now, everything so far was the caller's own, and not that of a later thread with the same id.
  if (!call.stillWaits()) call.end(-EINVAL, 'error');
  else if (typeof place === 'number') endWith(call, place, 'error');
  else setFolderMode({ ...place, self, mode, keepsLink }, (result) => endWith(call, result, 'own'));
}

function endWith(call: TrappedCall, result: number, answer: 'own' | 'error'): void {
  call.end(result, result === -EPERM ? 'refused' : answer);
}

// Finds the path, from the sandbox's root, of the folder that a trapped chmod(2) or a relative of it names.

/** A path, and that of the folder which it is relative to. */
const MOST_BYTES = 2 * 4096;

/**
 * @param tid of a call that waits
 * @param descriptor a duplicate of the call's. Undefined: the path is absolute, or the working directory is meant
 * @param path as the call has it. Undefined: the call has none
 * @returns minus errno if no folder can be meant
 */
function findFolder(
  tid: number,
  descriptor: number | undefined,
  path: Uint8Array | undefined,
  { mayBeEmpty }: Pick<ModeRequest, 'mayBeEmpty'>,
): Pick<FolderMode, 'path' | 'inode'> | number {
  if (path?.[0] === SLASH) return { path, inode: undefined };
  const isWhole = path === undefined || path.length === 0;
  if (path?.length === 0 && !mayBeEmpty) return -ENOENT;
  try {
    const link = descriptor === undefined ? callerFolderLink(tid) : `/proc/self/fd/${descriptor}`;
    const stats =
      descriptor === undefined ? statSync(link, { bigint: true }) : fstatSync(descriptor, { bigint: true });
    if (descriptor !== undefined && path === undefined && isHandle(descriptor)) return -EBADF;
    if (stats.isSymbolicLink() && isWhole) return -EOPNOTSUPP;
    if (!stats.isDirectory()) return isWhole ? -EPERM : -ENOTDIR;
    // The kernel names a folder of another mount namespace from that namespace's root, d_path(9).
    const folder = readlinkSync(link, { encoding: 'buffer' });
    if (folder[0] !== SLASH) return -ENOENT;
    // Another folder can have that path: here, if this one was deleted or is not shown, or by the time that it is opened.
    const inode = { dev: stats.dev, ino: stats.ino, length: folder.length };
    if (isWhole) return { path: folder, inode };
    const whole = Buffer.concat([folder, Buffer.from('/'), path]);
    return whole.length > MOST_BYTES ? -ENAMETOOLONG : { path: whole, inode };
  } catch (error) {
    // The kernel tells no path that is longer than a page.
    return (error as NodeJS.ErrnoException).code === 'ENAMETOOLONG' ? -ENAMETOOLONG : -EBADF;
  }
}

// Reads the arguments of a trapped chmod(2), fchmod(2), fchmodat(2) or fchmodat2(2) into a checked value. Pure.

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const PERMISSIONS = 0o7777;
const S_ISUID = 0o4000;

interface ModeRequest {
  readonly mode: number;
  /** The folder of a relative path, or the file itself if there is no path. Undefined: the working directory. */
  readonly descriptor: number | undefined;
  /** Where the path is in the caller's memory. Undefined: there is none. */
  readonly path: bigint | undefined;
  readonly keepsLink: boolean;
  /** An empty path means the descriptor's file. */
  readonly mayBeEmpty: boolean;
}

/** @returns minus errno for arguments that the kernel or postern refuses, whatever file they are about */
export function readModeCall(call: ModeCall, notification: Notification): ModeRequest | number {
  const { first, address, ints, option } = notification;
  const [descriptor, second, third] = ints;
  const mode = (call === 'chmod' || call === 'fchmod' ? second : third) & PERMISSIONS;
  // The filter refuses it.
  if ((mode & S_ISUID) !== 0) return -EPERM;
  const plain = { mode, keepsLink: false, mayBeEmpty: false };
  if (call === 'chmod') return { ...plain, descriptor: undefined, path: first };
  if (call === 'fchmod') return descriptor < 0 ? -EBADF : { ...plain, descriptor, path: undefined };
  const flags = call === 'fchmodat' ? 0 : Number(BigInt.asUintN(32, option.address));
  if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  return {
    mode,
    descriptor: descriptor === AT_FDCWD ? undefined : descriptor,
    path: address,
    keepsLink: (flags & AT_SYMLINK_NOFOLLOW) !== 0,
    mayBeEmpty: (flags & AT_EMPTY_PATH) !== 0,
  };
}
