// What a fresh /proc tells of the host all the same: the kernel has no namespace for it. Runs in the launcher.
import { statSync } from 'node:fs';
import type { HiddenPaths } from './hide-paths.js';

/** Names of network interfaces and servers, of the user's keys, and what the host was booted with, proc(5). */
const FACTS_OF_THE_HOST: readonly string[] = [
  'bus',
  'cmdline',
  'driver',
  'fs',
  'interrupts',
  'irq',
  'kcore',
  'key-users',
  'keys',
  'kmsg',
  'latency_stats',
  'sched_debug',
  'scsi',
  'timer_list',
];

/** @param stage where the root lies that has a fresh /proc; a file that this kernel does not have is skipped */
export function maskProc(stage: string, hidden: HiddenPaths): void {
  for (const name of FACTS_OF_THE_HOST) {
    const found = statSync(`${stage}/proc/${name}`, { throwIfNoEntry: false });
    if (found !== undefined) hidden.hide(`/proc/${name}`, found.isDirectory());
  }
}
