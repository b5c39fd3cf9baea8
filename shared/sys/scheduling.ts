// sched_setscheduler(2), ioprio_set(2): how the kernel shares processors and disks out to this process.
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { bind } from './libc.js';
import { succeed } from './system-error.js';

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_BATCH = 3;
const SCHED_IDLE = 5;
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** None of them ranks above an ordinary process. The kernel lets an unprivileged process leave the last one only where RLIMIT_NICE permits, sched(7). */
const HUMBLE = [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE];
const IOPRIO_WHO_PROCESS = 1;
const IOPRIO_SET = process.arch === 'arm64' ? 30 : 251;
const NO_PRIORITY = new Uint8Array(new Int32Array([0]).buffer);

const setScheduler = bind('int sched_setscheduler(int pid, int policy, const void *param)');
const getScheduler = bind('int sched_getscheduler(int pid)');
const getParameter = bind('int sched_getparam(int pid, void *param)');
const syscallInts = bind('long syscall(long number, int which, int who, int priority)');

/** Gives up what ranks this process above an ordinary one: a real-time policy, a nice value below 0, a class for its input and output. */
export function leaveSpecialPriority(): void {
  if (!HUMBLE.includes(getScheduler(0) & ~SCHED_RESET_ON_FORK))
    succeed(setScheduler(0, SCHED_OTHER, NO_PRIORITY), 'sched_setscheduler SCHED_OTHER');
  if (getPriority() < 0) setPriority(0);
  succeed(syscallInts(IOPRIO_SET, IOPRIO_WHO_PROCESS, 0, 0), 'ioprio_set');
}

/**
 * Has the threads of this process take turns with others of their priority, SCHED_RR, where they have SCHED_FIFO, sched(7). Where the kernel does
 * not permit that, they become ordinary ones.
 */
export function takeTurns(): void {
  if (getScheduler(0) !== SCHED_FIFO) return;
  const priority = new Uint8Array(4);
  succeed(getParameter(0, priority), 'sched_getparam');
  for (const thread of readdirSync('/proc/self/task').map(Number))
    if (setScheduler(thread, SCHED_RR, priority) < 0) setScheduler(thread, SCHED_OTHER, NO_PRIORITY);
}
