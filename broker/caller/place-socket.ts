// Puts a socket in the place of a caller's own, in every duplicate of the same descriptor table. The caller's thread does it in the
// kernel, so this waits for that thread and for locks of its process. Runs in the broker, on any of its threads.
import { replaceDescriptor } from '../../shared/sys/seccomp-notify.js';
import type { CallerProcesses } from './caller-processes.js';

/** A call that waits, and the socket that it gets. */
export interface Placement {
  /** The seccomp listener that the call came by. */
  readonly listener: number;
  readonly id: bigint;
  readonly tid: number;
  /** The descriptor that the call is about. */
  readonly descriptor: number;
  readonly socket: number;
}

/** @returns 0 or more, or minus errno, of the descriptor that the call is about */
export function placeSocket(
  processes: CallerProcesses,
  { listener, id, tid, descriptor, socket }: Placement,
): number {
  let placed = 0;
  for (const entry of processes.sharing(tid, descriptor)) {
    const result = replaceDescriptor(listener, id, socket, entry.descriptor, entry.closesOnExec);
    if (entry.descriptor === descriptor) placed = result;
  }
  return placed;
}
