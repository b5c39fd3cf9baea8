// The proportional set size of processes: memory that several share counts in equal parts (proc_pid_smaps_rollup(5)).
import { readFileSync } from 'node:fs';
import { childrenOf, commandOf } from '../../harness/processes.js';

/** Of one process, in MiB. 0 if it has ended. */
export function pssOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) / 1024;
  } catch {
    return 0;
  }
}

/** Of a process and all that descend from it, except those whose command line begins with `plugin`. */
export function pssBelow(pid: number, plugin: string): number {
  const own = commandOf(pid).startsWith(plugin) ? 0 : pssOf(pid);
  return childrenOf(pid).reduce((sum, child) => sum + pssBelow(child, plugin), own);
}
