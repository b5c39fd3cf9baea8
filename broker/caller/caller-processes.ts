// Handles of the threads that call: their descriptors are taken through these. Runs in the broker.
import { constants } from 'node:os';
import { SEARCHED_DESCRIPTORS } from '../../shared/limits.js';
import { type DescriptorEntry, DescriptorTable } from '../../shared/sys/descriptor-table.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { openPidfd, openThreadPidfd, shareDescriptors, takeDescriptor } from '../../shared/sys/pidfd.js';
import { processOfThread } from './caller-origins.js';

const { EINVAL, ESRCH, EBADF } = constants.errno;
/** Threads whose handles are kept: a call of one that is not among them costs a pidfd_open(2). */
const KEPT_HANDLES = 64;

interface Caller {
  readonly handle: OwnedFd;
  /** Opened with the first use. */
  table: DescriptorTable | undefined;
}

/** The threads of one sandbox that have called. */
export class CallerProcesses {
  /** Oldest first. */
  readonly #callers = new Map<number, Caller>();

  /**
   * A duplicate of a caller's descriptor.
   *
   * @param tid of a call that waits: a handle that was opened before the thread's id was reused is of no thread any more
   * @returns it, or minus errno
   */
  take(tid: number, fd: number): OwnedFd | number {
    if (fd < 0) return -EBADF;
    const known = this.#callers.get(tid);
    if (known !== undefined) {
      const taken = takeDescriptor(known.handle.number, fd);
      if (taken !== -ESRCH) return taken;
      this.#forget(tid, known);
    }
    const caller = openCaller(tid);
    if (typeof caller === 'number') return caller;
    this.#keep(tid, caller);
    return takeDescriptor(caller.handle.number, fd);
  }

  /** Every descriptor of a caller's for the open file that `fd` is one of, with `fd` itself. */
  sharing(tid: number, fd: number): readonly DescriptorEntry[] {
    const caller = this.#callers.get(tid);
    const table = caller?.table ?? new DescriptorTable(tid);
    if (caller !== undefined) caller.table = table;
    const found = table.sharing(fd, SEARCHED_DESCRIPTORS);
    if (caller === undefined) table.close();
    return found;
  }

  close(): void {
    for (const [tid, caller] of this.#callers) this.#forget(tid, caller);
  }

  #keep(tid: number, caller: Caller): void {
    this.#callers.set(tid, caller);
    if (this.#callers.size <= KEPT_HANDLES) return;
    for (const [oldest, old] of this.#callers) {
      this.#forget(oldest, old);
      return;
    }
  }

  #forget(tid: number, { handle, table }: Caller): void {
    handle.close();
    table?.close();
    this.#callers.delete(tid);
  }
}

/** Before PIDFD_THREAD (Linux 6.9) a handle is its process's: right only where the thread has no descriptor table of its own. */
function openCaller(tid: number): Caller | number {
  const pid = processOfThread(tid);
  if (pid === undefined) return -ESRCH;
  const handle = openThreadPidfd(tid);
  if (typeof handle !== 'number') return { handle, table: undefined };
  if (handle !== -EINVAL) return handle;
  if (pid !== tid && !shareDescriptors(pid, tid)) return -ESRCH;
  return { handle: openPidfd(pid), table: undefined };
}
