// Gives a caller a socket at a new number. The caller's thread does it in the kernel, so this waits for that thread and for locks of its process.
// Runs in the broker, on any of its threads.
import { addDescriptor } from '../../shared/sys/seccomp-notify.js';

/** A call that waits, and the socket that it gets. */
export interface Installation {
  /** The seccomp listener that the call came by. */
  readonly listener: number;
  readonly id: bigint;
  readonly tid: number;
  readonly socket: number;
  readonly closesOnExec: boolean;
  /** The number is the result of the call, which ends by it. */
  readonly ends: boolean;
}

/** @returns the number, or minus errno */
export function installSocket({ listener, id, socket, closesOnExec, ends }: Installation): number {
  return addDescriptor(listener, id, socket, closesOnExec, ends);
}
