// Takes a caller's descriptor and copies the memory that it passed. Both wait for locks of the caller. Runs in the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { copyAddress, type PassedMemory } from './caller-memory.js';
import type { CallerProcesses } from './caller-processes.js';
import type { TrappedCall } from './trapped-call.js';

/** A duplicate of a call's descriptor and a copy of the memory that it passed, or minus errno of either. */
export interface Reached {
  readonly descriptor: OwnedFd | number;
  /** As many bytes as were asked for; none for a call that passes none. */
  readonly memory: Uint8Array | number;
}

/** What a call passes that passes no memory. */
export const NO_MEMORY: Uint8Array = new Uint8Array(0);

/** @param passed where the call's memory lies; undefined: it passes none */
export function reachCaller(
  processes: CallerProcesses,
  { tid, descriptor }: TrappedCall,
  passed: PassedMemory | undefined,
): Reached {
  const taken = processes.take(tid, descriptor);
  const memory = passed === undefined ? NO_MEMORY : copyAddress(tid, passed.at, passed.length);
  return { descriptor: taken, memory };
}
