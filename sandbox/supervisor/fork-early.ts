// Spawns a broker before its supervisor is loaded, see broker/early-broker.ts.
import { readFileSync } from 'node:fs';
import { ownPrivileges } from '../host/privileges.js';
import { type ForkedBroker, forkBroker } from './broker/fork-broker.js';
import { prepareOwnProcess } from './prepare-own-process.js';

/** SCHED_FIFO and SCHED_RR, sched(7). */
const REAL_TIME = ['1', '2'];
/** Of the field behind the name, proc_pid_stat(5). */
const POLICY = 38;

/** @returns undefined where it cannot be spawned. The start that follows meets the same reason, and tells it */
export function forkEarly(): ForkedBroker | undefined {
  try {
    if (isRealTime()) return undefined;
    const asRoot = ownPrivileges() === 'root';
    prepareOwnProcess();
    return forkBroker(asRoot);
  } catch {
    return undefined;
  }
}

/** Two Nodes that load at the same time under SCHED_FIFO can keep two processors from the threads that they wait for, and then wait for good. */
function isRealTime(): boolean {
  const [, fields = ''] = readFileSync('/proc/self/stat', 'latin1').split(/\) (?=[A-Za-z] )/);
  return REAL_TIME.includes(fields.split(' ')[POLICY] ?? '');
}
