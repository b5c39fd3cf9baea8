// Which features this kernel has: seccomp(2), pidfd_open(2), socket(7). Changes nothing. For `postern doctor`.
import { constants } from 'node:os';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { openThreadPidfd, takeDescriptor } from './pidfd.js';
import { packetSocketPair, readOption, SO_NETNS_COOKIE, SOL_SOCKET } from './socket.js';
import { KCMP_FILE, SYS, syscallLongs } from './syscall.js';

const NR_SECCOMP = process.arch === 'arm64' ? 277 : 317;
const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_GET_ACTION_AVAIL = 2;
const SECCOMP_GET_NOTIF_SIZES = 3;
const RET_ERRNO = 0x0005_0000;
const RET_USER_NOTIF = 0x7fc0_0000;
const FLAG_NEW_LISTENER = 8;
const FLAG_WAIT_KILLABLE_RECV = 32;
const SO_PASSRIGHTS = 83;

/** SAFETY: the argument is lent for the call. The kernel copies it. */
const seccomp = bind('long syscall(long number, long operation, long flags, void *argument)');

/** The features as the kernel reports them. In an emulated kernel or under a filter all may be false. */
export interface KernelFeatures {
  readonly seccompFilter: boolean;
  /** seccomp(2) SECCOMP_RET_USER_NOTIF, with the sizes of its structures. */
  readonly userNotification: boolean;
  /** Linux 5.19 */
  readonly waitKillable: boolean;
  /** PIDFD_THREAD, Linux 6.9 */
  readonly threadPidfd: boolean;
  /** SO_PASSRIGHTS, Linux 6.16 */
  readonly passRights: boolean;
  /** SO_NETNS_COOKIE, Linux 5.14 */
  readonly netnsCookie: boolean;
  /** pidfd_getfd(2), Linux 5.6. The filters of containers refuse it. */
  readonly takesDescriptors: boolean;
  /** kcmp(2). The filters of containers refuse it, and a kernel without CONFIG_KCMP does not have it. */
  readonly comparesDescriptors: boolean;
}

export function kernelFeatures(): KernelFeatures {
  return {
    seccompFilter: hasAction(RET_ERRNO),
    userNotification:
      hasAction(RET_USER_NOTIF) && seccomp(NR_SECCOMP, SECCOMP_GET_NOTIF_SIZES, 0, new Uint8Array(6)) === 0,
    waitKillable: waitsKillable(),
    threadPidfd: opensThreads(),
    passRights: hasSocketOption(SO_PASSRIGHTS),
    netnsCookie: hasSocketOption(SO_NETNS_COOKIE),
    takesDescriptors: takesDescriptors(),
    comparesDescriptors: comparesDescriptors(),
  };
}

function hasAction(action: number): boolean {
  return (
    seccomp(NR_SECCOMP, SECCOMP_GET_ACTION_AVAIL, 0, new Uint8Array(Uint32Array.of(action).buffer)) === 0
  );
}

/** Whether only a deadly signal ends a call that a listener has received. */
export function waitsKillable(): boolean {
  return knowsFlags(FLAG_NEW_LISTENER | FLAG_WAIT_KILLABLE_RECV);
}

/** The kernel checks the flags before the filter, which is missing here: an unknown flag is EINVAL, known flags lead to EFAULT. */
function knowsFlags(flags: number): boolean {
  return seccomp(NR_SECCOMP, SECCOMP_SET_MODE_FILTER, flags, null) === -constants.errno.EFAULT;
}

function opensThreads(): boolean {
  const handle = openThreadPidfd(process.pid);
  if (typeof handle === 'number') return false;
  handle.close();
  return true;
}

/** A process may always take its own descriptors. */
function takesDescriptors(): boolean {
  const handle = syscallLongs(SYS.pidfd_open, process.pid, 0, 0, 0, 0);
  if (handle < 0) return false;
  const own = new OwnedFd(handle);
  try {
    const taken = takeDescriptor(own.number, own.number);
    if (typeof taken !== 'number') taken.close();
    return typeof taken !== 'number';
  } finally {
    own.close();
  }
}

function comparesDescriptors(): boolean {
  return syscallLongs(SYS.kcmp, process.pid, process.pid, KCMP_FILE, 0, 0) >= 0;
}

function hasSocketOption(name: number): boolean {
  const [one, other] = packetSocketPair();
  try {
    return readOption(one.number, SOL_SOCKET, name, new Uint8Array(8)) === 0;
  } finally {
    one.close();
    other.close();
  }
}
