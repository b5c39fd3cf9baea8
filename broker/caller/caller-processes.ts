// The processes and threads whose calls are trapped, as /proc and pidfds tell of them. Runs in the broker, on any of its threads. The plugin
// chooses names, signals and folders: they are read for an answer or the log, and decide nothing.

import { readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { BoundedMap } from '../../shared/bounded-map.js';
import { DescriptorTable } from '../../shared/sys/descriptor-table.js';
import { OwnedFd } from '../../shared/sys/owned-fd.js';
import { compareTables, findProcess, openThreadPidfd, takeDescriptor } from '../../shared/sys/pidfd.js';
import { socketCookie } from '../../shared/sys/socket-state.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import type { Origin } from '../record/audit.js';

// Handles of the calling threads, by which the broker takes their descriptors.

const { EINVAL, EMFILE, ENFILE, ESRCH, EBADF } = constants.errno;
/** Threads whose handles are kept. A call of any other thread costs a pidfd_open(2). */
const KEPT_HANDLES = 64;
/** The handle, and two for the table. */
const HANDLE_DESCRIPTORS = 3;

interface CallingThread {
  readonly handle: OwnedFd;
  /** Opened on first use. */
  table: DescriptorTable | undefined;
}

/** Where a program has a socket. */
export interface Holding {
  readonly descriptor: number;
  /** In whose tables that is: the one that called, and the first of its process. */
  readonly threads: readonly number[];
}

/** A socket, and where a program had it. */
export interface HeldSocket extends Holding {
  readonly cookie: bigint;
}

/** The threads of one sandbox that have called. */
export class CallerProcesses {
  readonly #threads = new BoundedMap<number, CallingThread>(KEPT_HANDLES);
  readonly #descriptors: DescriptorShare | undefined;

  /** @param descriptors counts the handles. Missing on the slow lane, whose handles are few and in the reserve */
  constructor(descriptors?: DescriptorShare) {
    this.#descriptors = descriptors;
  }

  /**
   * A duplicate of a caller's descriptor.
   *
   * @param tid of a call that waits. If the id was reused, an older handle of it is of a thread that has ended, and says so
   * @returns the duplicate, or minus errno
   */
  take(tid: number, fd: number): OwnedFd | number {
    if (fd < 0) return -EBADF;
    const known = this.#threads.get(tid);
    if (known !== undefined) {
      const taken = takeDescriptor(known.handle.number, fd);
      if (taken !== -ESRCH) return taken;
      this.#forget(tid, known);
    }
    // Handles only save time: calls that wait come first.
    if (this.#descriptors?.hasRoom(HANDLE_DESCRIPTORS) === false) this.close();
    const thread = openThread(tid);
    if (typeof thread === 'number') return thread;
    this.#descriptors?.hold(thread.handle, HANDLE_DESCRIPTORS);
    const forgotten = this.#threads.set(tid, thread);
    if (forgotten !== undefined) close(forgotten[1]);
    return takeDescriptor(thread.handle.number, fd);
  }

  /** Whether a program still has a socket where it had it. */
  stillHas({ descriptor, threads }: Holding, cookie: bigint): boolean {
    return threads.some((tid) => {
      const taken = this.take(tid, descriptor);
      // Without a descriptor left the broker does not know.
      if (typeof taken === 'number') return taken === -EMFILE || taken === -ENFILE;
      using socket = taken;
      return socketCookie(socket.number) === cookie;
    });
  }

  /** Does something with the descriptor table of a caller. */
  withTable<T>(tid: number, use: (table: DescriptorTable) => T): T {
    const thread = this.#threads.get(tid);
    const table = thread?.table ?? new DescriptorTable(tid);
    if (thread !== undefined) thread.table = table;
    try {
      return use(table);
    } finally {
      if (thread === undefined) table.close();
    }
  }

  close(): void {
    for (const [tid, thread] of this.#threads) this.#forget(tid, thread);
  }

  #forget(tid: number, thread: CallingThread): void {
    close(thread);
    this.#threads.delete(tid);
  }
}

function close({ handle, table }: CallingThread): void {
  handle.close();
  table?.close();
}

/** Before PIDFD_THREAD (Linux 6.9) a handle is the process's. That is right only if the thread shares its process's descriptor table. */
function openThread(tid: number): CallingThread | number {
  const pid = processOfThread(tid);
  if (pid === undefined) return -ESRCH;
  const handle =
    /* test point: PIDFD_THREAD => -EINVAL */ /* protects: G5 a descriptor is the calling thread's, whatever its process has there => new OwnedFd(findProcess(pid)) */ openThreadPidfd(
      tid,
    );
  if (typeof handle !== 'number') return { handle, table: undefined };
  if (handle !== -EINVAL) return handle;
  // Without an answer the descriptor could be another one: the call fails with the errno of kcmp.
  // protects: G5 trap: before PIDFD_THREAD, a thread with a descriptor table of its own is an error => const order = 0;
  const order = pid === tid ? 0 : compareTables(pid, tid);
  if (order !== 0) return Math.min(order, 0) || -ESRCH;
  // The caller may end at any time.
  const found = findProcess(pid);
  return found < 0 ? found : { handle: new OwnedFd(found), table: undefined };
}

// The processes behind the calls of one sandbox, for the account and the audit log. A program chooses its own name:
// it may be any bytes, and is printed quoted.

/** After this time a program's name is read again: execve(2) and prctl(2) change it. */
const FRESH_MS = 1000;
const KEPT_ORIGINS = 256;

interface Known {
  readonly origin: Origin;
  /** As performance.now(). */
  readonly readAt: number;
}

export class CallerOrigins {
  /** By thread. */
  readonly #known = new BoundedMap<number, Known>(KEPT_ORIGINS);

  /** @param tid of a call that waits: later another thread may have the id */
  of(tid: number): Origin {
    const now = performance.now();
    const known = this.#known.get(tid);
    if (known !== undefined && now - known.readAt < FRESH_MS) return known.origin;
    const pid = processOfThread(tid);
    const origin: Origin = { door: 'trap', pid: pid ?? null, program: readProgram(pid ?? tid) };
    this.#known.set(tid, { origin, readAt: now });
    return origin;
  }
}

export function processOfThread(tid: number): number | undefined {
  try {
    const pid = Number(/^Tgid:\s+(\d+)/m.exec(readFileSync(`/proc/${tid}/status`, 'latin1'))?.[1]);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}

/** The name that Node 22 and later give their first thread, and so their process. */
const NODES_NAME = /^(?:node-)?MainThread$/;

/** Of a name, as in proc(5) comm. A file's may be far longer, and then a connection's slot has no room for what describes it. */
const NAME_CHARACTERS = 15;

/** proc(5) comm of the process, since a thread's own name says less. Not always UTF-8. */
function readProgram(pid: number): string | null {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\n$/, '');
    const file = NODES_NAME.test(name) ? basename(readlinkSync(`/proc/${pid}/exe`)) : name;
    // protects: G8 accounts: the name of a program is bounded => return file;
    return file.slice(0, NAME_CHARACTERS);
  } catch {
    return null;
  }
}

// The working directory of a caller.

/** The link of proc(5) that leads to it. @param tid of a call that waits */
export const callerFolderLink = (tid: number): string => `/proc/${tid}/cwd`;

/** As the caller's own root shows it: the kernel names a folder of another mount namespace from that namespace's root, d_path(9). */
export function callerFolder(tid: number): Buffer | undefined {
  try {
    return readlinkSync(callerFolderLink(tid), { encoding: 'buffer' });
  } catch {
    return undefined;
  }
}

// The number that a caller's process has in its own sandbox.

/** @param tid of a call that waits. @returns the last number of NStgid, proc_pid_status(5): the one of the innermost namespace */
export function processInside(tid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${tid}/status`, 'latin1');
    return Number(/^NStgid:(?:\s+\d+)*\s+(\d+)$/m.exec(status)?.[1] ?? Number.NaN) || undefined;
  } catch {
    return undefined;
  }
}

// Signals that wait until a thread returns to its program, proc(5) status. The plugin decides which signals it masks
// and handles.

const bit = (signal: number): bigint => 1n << BigInt(signal - 1);
/** SIGSTOP, SIGTSTP, SIGTTIN and SIGTTOU: a waiting caller cannot stop either. */
const STOPS = [19, 20, 21, 22].reduce((bits, signal) => bits | bit(signal), 0n);
const SIGCHLD = bit(17);

/**
 * `own`: a signal waits for this thread, and the kernel has notified it. `shared`: a signal waits for the thread's process. The kernel has
 * chosen one of its threads, and does not show which.
 */
type WaitingSignal = 'own' | 'shared' | undefined;

/** The signal that waits for a thread, and the thread's process. */
export function signalsOf(tid: number): { readonly pid: number; readonly signal: WaitingSignal } {
  let status: string;
  try {
    status = readFileSync(`/proc/${tid}/status`, 'latin1');
  } catch {
    return { pid: tid, signal: undefined };
  }
  const field = (name: string): string => new RegExp(`^${name}:\\s+(\\w+)`, 'm').exec(status)?.[1] ?? '0';
  const set = (name: string): bigint => BigInt(`0x${field(name)}`);
  const pid = Number(field('Tgid'));
  const handled = (set('SigCgt') | STOPS) & ~set('SigBlk');
  const shared = set('ShdPnd') & handled;
  // The kernel prefers the first thread of a process, except for SIGCHLD, which goes to the thread that forked.
  const chosen = field('Threads') === '1' || (tid === pid && (shared & SIGCHLD) === 0n);
  if ((set('SigPnd') & handled) !== 0n || (shared !== 0n && chosen)) return { pid, signal: 'own' };
  return { pid, signal: shared === 0n ? undefined : 'shared' };
}
