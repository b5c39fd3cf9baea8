// What a process may use: resource limits, priority, and the units in which the kernel counts.

import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { bind, succeed } from './libc.js';

// setrlimit(2). Runs in the supervisor, the launcher and the broker.

const getrlimitCall = bind('int getrlimit(int resource, void *limits)');
const setrlimitCall = bind('int setrlimit(int resource, const void *limits)');

const UNLIMITED = 2n ** 64n - 1n;

export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  CORE: 4,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
} as const;

/** The soft and the hard limit of this process. */
export function getLimit(resource: number): { readonly soft: bigint; readonly hard: bigint } {
  const limits = new BigUint64Array(2);
  succeed(getrlimitCall(resource, new Uint8Array(limits.buffer)), 'getrlimit');
  return { soft: limits[0] ?? 0n, hard: limits[1] ?? 0n };
}

/** Sets both limits, but not above the present hard limit. */
export function lowerLimit(resource: number, soft: bigint, hard: bigint = soft): void {
  const stands = getLimit(resource).hard;
  const most = (limit: bigint): bigint => (limit < stands ? limit : stands);
  setLimit(resource, most(soft), most(hard));
}

/**
 * Calls a function that spawns a process, with no limit of processes if this process may raise its hard limit, else with the hard one.
 * The kernel remembers the limit in a user namespace that this process makes, and then holds it against the owner's sum.
 */
export function withMostProcesses<T>(spawns: () => T): T {
  const { soft, hard } = getLimit(RLIMIT.NPROC);
  try {
    setLimit(RLIMIT.NPROC, UNLIMITED, UNLIMITED);
  } catch {
    setLimit(RLIMIT.NPROC, hard, hard);
  }
  try {
    return spawns();
  } finally {
    setLimit(RLIMIT.NPROC, soft, hard);
  }
}

/** Sets both limits. Raising the hard limit again needs CAP_SYS_RESOURCE. */
export function setLimit(resource: number, soft: bigint, hard: bigint): void {
  const limits = new BigUint64Array([soft, hard]);
  succeed(setrlimitCall(resource, new Uint8Array(limits.buffer)), 'setrlimit', nameOf(resource));
}

function nameOf(resource: number): string {
  const [name] = Object.entries(RLIMIT).find(([, number]) => number === resource) ?? [String(resource)];
  return `RLIMIT_${name}`;
}

// sched_setscheduler(2), ioprio_set(2): how the kernel shares processors and disks out to this process.

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

// sysconf(3): the units in which proc(5) counts.

const SC_CLK_TCK = 2;
const SC_PAGESIZE = 30;

const sysconf = bind('long sysconf(int name)');

/** @returns how many clock ticks of proc_pid_stat(5) a second has */
export function ticksPerSecond(): number {
  return Number(sysconf(SC_CLK_TCK));
}

/** @returns the size of a page of memory in bytes */
export function pageBytes(): number {
  return Number(sysconf(SC_PAGESIZE));
}
