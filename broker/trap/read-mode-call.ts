// Reads the arguments of a trapped chmod(2), fchmod(2), fchmodat(2) or fchmodat2(2) into a checked value. Pure. Runs in the broker.
import { constants } from 'node:os';
import type { ModeCall } from '../../shared/reasons.js';
import { AT_FDCWD } from '../../shared/sys/file-constants.js';
import type { Notification } from '../../shared/sys/seccomp-notify.js';

const { EBADF, EINVAL, EPERM } = constants.errno;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const PERMISSIONS = 0o7777;
const S_ISUID = 0o4000;

export interface ModeRequest {
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
