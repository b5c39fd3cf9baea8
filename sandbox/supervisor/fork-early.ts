// Spawns a broker before its supervisor is loaded: a start is quicker by what both take. A broker comes up in this order:
// 1. This file, from the first part of `run` (cli/before-run.ts), makes the process fit to start others, and has fork-broker.ts spawn the broker's process.
// 2. The broker's process runs broker/before-broker.ts, and then broker/main.ts, while the supervisor's program loads here. It waits for its first line.
// 3. early-broker.ts keeps what was spawned until somebody wants a broker. Every other start begins here: nothing is kept, and fork-broker.ts spawns one.
// 4. spawn-broker.ts takes it, with its streams to the supervisor (broker-run.ts).
// 5. start-broker.ts sends it the rules of every plugin, and it serves.
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
