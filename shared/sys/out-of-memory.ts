// proc_pid_oom_score_adj(5): which process the kernel ends first when memory is short. Runs in the launcher and init.
import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Gives up a value that keeps this process from being ended, as from OOMScoreAdjust= of a unit. A value above 0 stays.
 * It could be lowered again, but the sandbox's /proc is read-only.
 */
export function leaveMemoryProtection(file = '/proc/self/oom_score_adj'): void {
  if (
    /* test point: only a value below 0 is given up => Number(readFileSync(file, 'latin1')) < 1000 */ Number(
      readFileSync(file, 'latin1'),
    ) < 0
  )
    // protects: G8 postern's own protection from a shortage of memory is not the plugin's
    writeFileSync(file, '0');
}
