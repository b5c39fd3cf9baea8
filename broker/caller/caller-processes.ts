// Handles of the calling threads, by which the broker takes their descriptors. Runs in the broker.
import { constants } from 'node:os';
import { BoundedMap } from '../../shared/bounded-map.js';
import { DescriptorTable } from '../../shared/sys/descriptor-table.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { compareTables, openPidfd, openThreadPidfd, takeDescriptor } from '../../shared/sys/pidfd.js';
import type { DescriptorShare } from '../limit/descriptor-shares.js';
import { processOfThread } from './caller-origins.js';

const { EINVAL, ESRCH, EBADF } = constants.errno;
/** Threads whose handles are kept. A call of any other thread costs a pidfd_open(2). */
const KEPT_HANDLES = 64;
/** The handle, and two for the table. */
const HANDLE_DESCRIPTORS = 3;

interface CallingThread {
  readonly handle: OwnedFd;
  /** Opened on first use. */
  table: DescriptorTable | undefined;
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
    /* test point: PIDFD_THREAD => -EINVAL */ /* protects: G5 a descriptor is the calling thread's, whatever its process has there => openPidfd(pid) */ openThreadPidfd(
      tid,
    );
  if (typeof handle !== 'number') return { handle, table: undefined };
  if (handle !== -EINVAL) return handle;
  // Without an answer the descriptor could be another one: the call fails with the errno of kcmp.
  // protects: G5 trap: before PIDFD_THREAD, a thread with a descriptor table of its own is an error => const order = 0;
  const order = pid === tid ? 0 : compareTables(pid, tid);
  if (order !== 0) return Math.min(order, 0) || -ESRCH;
  return { handle: openPidfd(pid), table: undefined };
}
