// Takes a caller's descriptor and copies the address, the option or the request that it passed. Both wait for locks of the caller. Runs in the broker.
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { copyAddress, passedMemory } from './caller-memory.js';
import type { CallerProcesses } from './caller-processes.js';
import type { TrappedCall } from './trapped-call.js';

/** A duplicate of a call's descriptor and a copy of its address, option or request, or minus errno of either. */
export interface Reached {
  readonly descriptor: OwnedFd | number;
  /** As many bytes as the call says. Undefined for a call that passes none. */
  readonly address: Uint8Array | number | undefined;
}

export function reachCaller(
  processes: CallerProcesses,
  { tid, descriptor, call, notification }: TrappedCall,
): Reached {
  const taken = processes.take(tid, descriptor);
  const passed = passedMemory(call, notification);
  const address = passed === undefined ? undefined : copyAddress(tid, passed.at, passed.length);
  return { descriptor: taken, address };
}
