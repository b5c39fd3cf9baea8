// pidfd_open(2), pidfd_send_signal(2) and waitid(2) on a pidfd, without the race of reused pids. Runs in supervisor and broker.
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { LAYOUT } from './layout.js';
import { bind, succeed } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallFdStruct, syscallLongs } from './syscall.js';

const P_PID = 1;
const P_PGID = 2;
const P_PIDFD = 3;
const WNOHANG = 1;
const WSTOPPED = 2;
const WEXITED = 4;
const WNOWAIT = 0x1000000;
const CLD_EXITED = 1;
const CLD_STOPPED = 5;
const SIGINFO = LAYOUT.siginfo_t;

const waitid = bind('int waitid(int type, int id, void *info, int options)');

/** A handle of a process, close-on-exec. It becomes readable when the process has ended. */
export function openPidfd(pid: number): OwnedFd {
  return new OwnedFd(succeed(findProcess(pid), 'pidfd_open', String(pid)));
}

/** As {@link openPidfd}. @returns the handle, owned by the caller, or minus errno: ESRCH, EINVAL for a pid that is none */
export function findProcess(pid: number): number {
  return syscallLongs(SYS.pidfd_open, pid, 0, 0, 0, 0);
}

/**
 * Whether a process runs in the very pid namespace of this process, and in none below it, proc(5): the kernel lists its pid in each of them. It needs
 * no right to look into the process.
 */
export function isInPidNamespace(pidfd: number): boolean {
  // Of a process that has ended it is -1, and of one that this namespace does not have 0.
  return /^NSpid:\t[1-9]\d*$/m.test(readFileSync(`/proc/self/fdinfo/${pidfd}`, 'latin1'));
}

const PIDFD_THREAD = 0o200;

/** A handle of a thread, from Linux 6.9 on. @returns the handle, or minus errno: EINVAL on an older kernel, ESRCH */
export function openThreadPidfd(tid: number): OwnedFd | number {
  const result = syscallLongs(SYS.pidfd_open, tid, PIDFD_THREAD, 0, 0, 0);
  return result < 0 ? result : new OwnedFd(result);
}

/** A duplicate of a descriptor of another process, pidfd_getfd(2). @returns it, or minus errno: EBADF, ESRCH, EPERM */
export function takeDescriptor(pidfd: number, fd: number): OwnedFd | number {
  const result = syscallLongs(SYS.pidfd_getfd, pidfd, fd, 0, 0, 0);
  return result < 0 ? result : new OwnedFd(result);
}

const KCMP_FILES = 2;

/** Compares the descriptor tables of two threads, kcmp(2). @returns 0 for one table, 1 or more for two, or minus errno */
export function compareTables(one: number, other: number): number {
  return syscallLongs(SYS.kcmp, one, other, KCMP_FILES, 0, 0);
}

/** Sends a signal. @returns 0, or minus errno: ESRCH if the process has ended */
export function signalPidfd(pidfd: number, signal: number): number {
  return syscallFdStruct(SYS.pidfd_send_signal, pidfd, signal, null, 0);
}

/** Waits until a child of this process has ended, and reaps it, waitid(2). Returns at once for what is no child of it. */
export function awaitEnd(pid: number): void {
  while (waitid(P_PID, pid, null, WEXITED) === -constants.errno.EINTR);
}

/** Kills a process group, and reaps one of those of its processes that are children of this one. @returns whether there was a child in it */
export function endGroup(group: number): boolean {
  // A child that is not reaped keeps the number from every other group.
  if (waitid(P_PGID, group, null, WEXITED | WNOHANG | WNOWAIT) === -constants.errno.ECHILD) return false;
  process.kill(-group, 'SIGKILL');
  waitid(P_PGID, group, null, WEXITED | WNOHANG);
  return true;
}

/** How a child changed: ended by exit(status), ended by a signal, or stopped by one. */
export type ChildChange =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'stopped'; readonly signal: number };

/**
 * Takes a change of a child of this process without waiting, waitid(2).
 *
 * @param what its end, which reaps it, or its stops
 * @returns undefined if nothing changed, or if it is no child
 */
export function takeChildChange(pidfd: number, what: 'ends' | 'stops'): ChildChange | undefined {
  const info = new Uint8Array(SIGINFO.size);
  const result = waitid(P_PIDFD, pidfd, info, WNOHANG | (what === 'ends' ? WEXITED : WSTOPPED));
  if (result < 0) return undefined;
  const view = new DataView(info.buffer);
  // A signal number of 0 in si_signo means that nothing has changed (waitid(2)).
  if (view.getInt32(0, true) === 0) return undefined;
  const code = view.getInt32(SIGINFO.si_code, true);
  const status = view.getInt32(SIGINFO.si_status, true);
  if (code === CLD_EXITED) return { kind: 'exited', status };
  if (code === CLD_STOPPED) return { kind: 'stopped', signal: status };
  return { kind: 'killed', signal: status };
}
