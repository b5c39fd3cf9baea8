// pidfd_open(2), pidfd_send_signal(2) and waitid(2) on a pidfd: processes without the race of reused pids.
// Runs in the supervisor.
import { LAYOUT } from './layout.js';
import { bind } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallFdStruct, syscallLongs } from './syscall.js';
import { succeed } from './system-error.js';

const P_PIDFD = 3;
const WNOHANG = 1;
const WSTOPPED = 2;
const WEXITED = 4;
const CLD_EXITED = 1;
const CLD_STOPPED = 5;
const SIGINFO = LAYOUT.siginfo_t;

const waitid = bind('int waitid(int type, int id, void *info, int options)');

/** A handle of a process, close-on-exec; it is readable once the process has ended. */
export function openPidfd(pid: number): OwnedFd {
  return new OwnedFd(succeed(syscallLongs(SYS.pidfd_open, pid, 0, 0, 0, 0), 'pidfd_open', String(pid)));
}

/** Sends a signal. @returns 0, or minus errno: ESRCH where the process has ended */
export function signalPidfd(pidfd: number, signal: number): number {
  return syscallFdStruct(SYS.pidfd_send_signal, pidfd, signal, null, 0);
}

/** How a child changed: ended by exit(status), ended by a signal, or stopped by one. */
export type ChildChange =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly signal: number }
  | { readonly kind: 'stopped'; readonly signal: number };

/**
 * Takes a change of a child of this process without waiting, waitid(2).
 *
 * @param what its end, which is then reaped, or its stops
 * @returns undefined where there is none, or where it is no child
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
