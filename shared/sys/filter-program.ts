// Loads compiled seccomp filters, seccomp(2). Runs in the launcher, init and the broker.
import { constants } from 'node:os';
import koffi from 'koffi';
import { PosternError } from '../errors.js';
import { LAYOUT } from './layout.js';
import { errnoName } from './libc.js';
import { OwnedFd } from './owned-fd.js';
import { SYS, syscallOperation } from './syscall.js';

/** A compiled filter: structs sock_filter, one behind the other. */
export type FilterProgram = Uint8Array;

const SET_MODE_FILTER = 1;
const IN_ALL_THREADS = 1;
const NEW_LISTENER = 8;
const WAIT_KILLABLE_RECV = 32;
const FPROG = LAYOUT['struct sock_fprog'];

/**
 * Loads a filter for the calling thread, which is kept across execve. Filters stack: the strictest action counts, and of two errnos that of
 * the last filter. The thread needs no_new_privs, or CAP_SYS_ADMIN in its user namespace.
 *
 * @throws PosternError `seccomp`
 */
export function loadProgram(program: FilterProgram): void {
  checkStep(load(program, 0), 'seccomp SET_MODE_FILTER');
}

/**
 * Like {@link loadProgram}, for every thread of this process (SECCOMP_FILTER_FLAG_TSYNC) and those that they start.
 *
 * @throws PosternError `seccomp`, also for a thread with filters that the calling one does not have
 */
export function loadProgramInAllThreads(program: FilterProgram): void {
  const result = load(program, IN_ALL_THREADS);
  if (result > 0)
    throw new PosternError('seccomp', `seccomp SET_MODE_FILTER TSYNC: thread ${result} has other filters`, {
      fields: { step: 'seccomp SET_MODE_FILTER TSYNC' },
    });
  checkStep(result, 'seccomp SET_MODE_FILTER TSYNC');
}

/**
 * Loads a filter with the action `report`, like {@link loadProgram}. libseccomp before 2.6 cannot set SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
 * (Linux 5.19). Without that flag, every handled signal restarts a received call.
 *
 * @returns the listener, close-on-exec
 * @throws PosternError `seccomp`
 */
export function loadReportingProgram(program: FilterProgram): OwnedFd {
  let result = load(program, NEW_LISTENER | WAIT_KILLABLE_RECV);
  if (result === -constants.errno.EINVAL) result = load(program, NEW_LISTENER);
  checkStep(result, 'seccomp SET_MODE_FILTER NEW_LISTENER');
  return new OwnedFd(result);
}

/** @throws PosternError `seccomp` with the step, for minus errno */
function checkStep(result: number, step: string): void {
  if (result < 0) throw new PosternError('seccomp', `${step}: ${errnoName(-result)}`, { fields: { step } });
}

function load(program: FilterProgram, flags: number): number {
  const fprog = new Uint8Array(FPROG.size);
  const view = new DataView(fprog.buffer);
  view.setUint16(0, program.length / LAYOUT['struct sock_filter'].size, true);
  // SAFETY: the kernel copies the program before the call returns.
  view.setBigUint64(FPROG.filter, koffi.address(program), true);
  return syscallOperation(SYS.seccomp, SET_MODE_FILTER, flags, fprog);
}
