// Hides the files of a fresh /proc that tell about the host: the kernel has no namespace for them. Runs in the launcher.
import { statSync } from 'node:fs';
import type { HiddenPaths } from './hide-paths.js';

/** They name network interfaces and servers, the user's keys, and the host's boot parameters, proc(5). */
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

/** Skips a file that this kernel does not have. @param stage the place of the root that has a fresh /proc */
export function maskProc(stage: string, hidden: HiddenPaths): void {
  for (const name of FACTS_OF_THE_HOST) {
    const found = statSync(`${stage}/proc/${name}`, { throwIfNoEntry: false });
    if (found !== undefined) hidden.hide(`/proc/${name}`, found.isDirectory());
  }
}
