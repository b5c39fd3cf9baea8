// The plugin's resource limits, setrlimit(2). None can be raised again inside: that takes CAP_SYS_RESOURCE outside.
import { lowerLimit, RLIMIT, setLimit } from '../../shared/sys/rlimit.js';
import { leaveSpecialPriority } from '../../shared/sys/scheduling.js';
import type { LaunchSpec } from './spec.js';

/** A process that goes on past SIGXCPU is killed so much later. */
const CPU_GRACE_SECONDS = 1;

/** The kernel's own default, MLOCK_LIMIT. */
const LOCKED_BYTES = 8n << 20n;

/** Those that the launcher itself can live with. */
export function setLimits({ descriptors, processes, cpuSeconds, fileBytes }: LaunchSpec['limits']): void {
  const files = BigInt(descriptors);
  setLimit(RLIMIT.NOFILE, files, files);
  // No core dump: 0 would still feed a core_pattern that is a pipe, core(5); 1 does neither.
  setLimit(RLIMIT.CORE, 1n, 1n);
  // Counted in the sandbox's user namespace, Linux 5.14: neither other sandboxes nor the user's own processes count.
  lowerLimit(RLIMIT.NPROC, BigInt(processes));
  // What postern was started with, as by a unit of systemd's, is not meant for the plugin.
  leaveSpecialPriority();
  lowerLimit(RLIMIT.NICE, 0n);
  lowerLimit(RLIMIT.RTPRIO, 0n);
  lowerLimit(RLIMIT.MEMLOCK, LOCKED_BYTES);
  if (fileBytes !== undefined) lowerLimit(RLIMIT.FSIZE, BigInt(fileBytes));
  if (cpuSeconds !== undefined)
    lowerLimit(RLIMIT.CPU, BigInt(cpuSeconds), BigInt(cpuSeconds + CPU_GRACE_SECONDS));
}

/** Right before execve: Node's own memory is above many a plugin's limit, and could not grow any more. */
export function setMemoryLimit({ dataBytes }: LaunchSpec['limits']): void {
  if (dataBytes !== undefined) lowerLimit(RLIMIT.DATA, BigInt(dataBytes));
}
