// Gives a caller a socket: in the place of one of its own, or at a new number. The caller's thread does it in the kernel, so this waits for that
// thread and for locks of its process. Runs in the broker, on any of its threads.

import type { DescriptorEntry } from '../../shared/sys/descriptor-table.js';
import type { LastHolder } from '../../shared/sys/last-holder.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { addDescriptor, replaceDescriptor } from '../../shared/sys/seccomp-notify.js';
import type { CallerProcesses } from './caller-processes.js';

/** The broker does not search a larger table of descriptors for duplicates of a socket. */
const SEARCHED_DESCRIPTORS = 64;

// In the place of a caller's own, in every duplicate of the same descriptor table.

/** A call that waits, and the socket that it gets. */
export interface Placement {
  /** By which the filter reported the call. */
  readonly notifyFd: number;
  readonly id: bigint;
  readonly tid: number;
  /** The descriptor that the call is about. */
  readonly descriptor: number;
  readonly socket: number;
}

/**
 * A connection that was refused takes no place of its plugin. So a duplicate gets the socket only if the descriptor of the call has it.
 *
 * @returns 0 or more, or minus errno: then no descriptor has the socket
 */
export function placeSocket(processes: CallerProcesses, placement: Placement): number {
  const { tid, descriptor } = placement;
  let placed = 0;
  // The descriptor of the call comes first.
  for (const entry of processes.withTable(tid, (table) => table.sharing(descriptor, SEARCHED_DESCRIPTORS))) {
    const result = replace(placement, entry);
    if (entry.descriptor !== descriptor) continue;
    // protects: G22 accounts: no duplicate gets a connection that the call does not get
    if (result < 0) return result;
    placed = result;
  }
  return placed;
}

/**
 * As placeSocket(), but it searches the caller's table only if another descriptor of the caller's own socket exists: most tables have none.
 *
 * @param original a duplicate of that socket, which is not connected. It is closed here if the socket is replaced
 */
export function placeAndClose(
  processes: CallerProcesses,
  placement: Placement,
  original: OwnedFd,
  lastHolder: LastHolder,
): number {
  const { tid, descriptor } = placement;
  return processes.withTable(tid, (table) => {
    const placed = replace(placement, { descriptor, closesOnExec: table.closesOnExec(descriptor) });
    if (placed < 0) return placed;
    lastHolder.close(original, (compare) => {
      const others = table.others(descriptor, SEARCHED_DESCRIPTORS, (other) => compare(tid, other));
      // protects: G5 a socket's duplicates are replaced too
      for (const entry of others) replace(placement, entry);
    });
    return placed;
  });
}

function replace({ notifyFd, id, socket }: Placement, { descriptor, closesOnExec }: DescriptorEntry): number {
  return replaceDescriptor(notifyFd, id, socket, descriptor, closesOnExec);
}

// At a new number.

/** A call that waits, and the socket that it gets. */
export interface Installation {
  /** By which the filter reported the call. */
  readonly notifyFd: number;
  readonly id: bigint;
  readonly tid: number;
  readonly socket: number;
  readonly closesOnExec: boolean;
  /** The number is the result of the call, which ends by it. */
  readonly ends: boolean;
}

/** @returns the number, or minus errno */
export function installSocket({ notifyFd, id, socket, closesOnExec, ends }: Installation): number {
  return addDescriptor(notifyFd, id, socket, closesOnExec, ends);
}
