// Sets the plugin's resource limits, setrlimit(2). They cannot be raised inside: that takes CAP_SYS_RESOURCE outside.
import { LIMIT_FORMS, type Limits } from '../../shared/config/limit-forms.js';
import { getLimit, leaveSpecialPriority, lowerLimit, RLIMIT } from '../../shared/sys/rlimit.js';

/** A process that goes on after SIGXCPU is killed this much later. */
const CPU_GRACE_SECONDS = 1;

/** The kernel's own default, MLOCK_LIMIT. */
const LOCKED_BYTES = 8n << 20n;

/** The kernel counts signals and queues for the user who owns the sandbox: they would be missing to that user's programs and to other plugins. */
const PENDING_SIGNALS = 1024n;
/** Room for a queue of the default size, mq_overview(7). */
const QUEUE_BYTES = 128n << 10n;

/** Limits that the launcher itself can bear. */
export function setLimits({ cpuSeconds, fileMib }: Limits): void {
  // No core dump: with 0 a core_pattern that is a pipe would still get one, core(5). 1 prevents both. A hard limit of 0 stays.
  // protects: G15 limits: no core dump
  lowerLimit(RLIMIT.CORE, 1n);
  // postern's own priority, as from a systemd unit, is not meant for the plugin.
  // protects: G8 postern's own priority is not the plugin's
  leaveSpecialPriority();
  lowerLimit(RLIMIT.NICE, 0n);
  lowerLimit(RLIMIT.RTPRIO, 0n);
  lowerLimit(RLIMIT.MEMLOCK, LOCKED_BYTES);
  // protects: G8 pending signals and message queues of the plugin are limited
  lowerLimit(RLIMIT.SIGPENDING, PENDING_SIGNALS);
  lowerLimit(RLIMIT.MSGQUEUE, QUEUE_BYTES);
  // protects: G15 limits: size of a file
  if (fileMib !== undefined) lowerLimit(RLIMIT.FSIZE, bytes(fileMib));
  // protects: G15 limits: processor time
  if (cpuSeconds !== undefined)
    lowerLimit(RLIMIT.CPU, BigInt(cpuSeconds), BigInt(cpuSeconds + CPU_GRACE_SECONDS));
}

/** Set right before execve: Node itself needs more memory and threads than many plugins' limits. */
export function setLastLimits({ descriptors, memoryMib, processes }: Limits): void {
  // The kernel compares it with all descriptors in flight of the uid, when the launcher passes the trap to the supervisor.
  // protects: G15 limits: descriptors
  lowerLimit(RLIMIT.NOFILE, boundedDescriptors(BigInt(descriptors), getLimit(RLIMIT.NOFILE).hard));
  // The kernel counts in the sandbox's user namespace, from Linux 5.14 on: other sandboxes and the user's processes do not count here. They do
  // outside, against the limit of the process that made the namespace, see spawn-namespaces.ts.
  // protects: G15 limits: processes
  lowerLimit(RLIMIT.NPROC, BigInt(processes));
  if (memoryMib !== undefined)
    // protects: G15 limits: memory
    lowerLimit(RLIMIT.DATA, bytes(memoryMib));
}

/**
 * A plugin of a user has the broker's uid. A broker sends no descriptor while the uid has more in flight than its own limit, unix(7). So beyond the
 * default a plugin has half of that limit at most.
 *
 * @param hard of postern, which is the broker's too
 */
export function boundedDescriptors(wanted: bigint, hard: bigint): bigint {
  const most = [BigInt(LIMIT_FORMS.descriptors.default), hard / 2n].reduce((one, other) =>
    one > other ? one : other,
  );
  // protects: G8 limits: many descriptors are half of the broker's at most => return wanted;
  return wanted < most ? wanted : most;
}

function bytes(mib: number): bigint {
  return BigInt(mib) << 20n;
}
