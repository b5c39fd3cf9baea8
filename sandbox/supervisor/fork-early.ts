// Spawns a broker before its supervisor is loaded, see broker/early-broker.ts.
import { dropInheritableCapabilities } from '../../shared/sys/capabilities.js';
import { becomeSubreaper, becomeUndumpable } from '../../shared/sys/process-control.js';
import { takeTurns } from '../../shared/sys/rlimit.js';
import { ownPrivileges } from '../host/privileges.js';
import { type ForkedBroker, forkBroker } from './broker/fork-broker.js';

/** @returns undefined where it cannot be spawned. The start that follows meets the same reason, and tells it */
export function forkEarly(): ForkedBroker | undefined {
  try {
    const as = ownPrivileges();
    prepareOwnProcess();
    return forkBroker(as);
  } catch {
    return undefined;
  }
}

// What a supervisor needs of its own process before it starts another one.

export function prepareOwnProcess(): void {
  // Under SCHED_FIFO the kernel can come to no end when this process waits for a child, wait(2): it waits there, without a pause, for another thread
  // of the same priority, which gets no processor meanwhile.
  takeTurns();
  // unshare(1) does not stay: init and the launcher become children of this process.
  becomeSubreaper();
  // As a user the broker has the same uid. A broker that was taken over must not read or steer this process, proc(5).
  // protects: G16 supervisor: its memory is closed to its own user
  becomeUndumpable();
  dropInheritableCapabilities();
}
