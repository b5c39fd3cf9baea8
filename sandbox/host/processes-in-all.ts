// Finds how many processes all sandboxes of this postern may have together. Runs in the supervisor and in `check`.
import { getLimit, RLIMIT, withMostProcesses } from '../../shared/sys/rlimit.js';
import { ownPrivileges } from './privileges.js';

/** RLIM_INFINITY and all that no kernel has room for. */
const ENDLESS = 1n << 62n;

/**
 * The kernel counts the processes of a sandbox for the owner of its user namespace too, and holds them against the RLIMIT_NPROC of the process
 * that made it (setrlimit(2), set_userns_rlimit_max in the kernel's kernel/user_namespace.c). A user's other processes count there as well.
 *
 * @returns undefined if nothing bounds them together, or if no sandbox can start
 */
export function processesInAll(): number | undefined {
  const limit = limitOfOwner();
  return limit === undefined || limit >= ENDLESS ? undefined : Number(limit);
}

function limitOfOwner(): bigint | undefined {
  const soft = (): bigint => getLimit(RLIMIT.NPROC).soft;
  if (process.geteuid?.() !== 0) return soft();
  try {
    // Confined root owns its sandboxes itself, and the kernel does not apply the limit to the host's root.
    return ownPrivileges() === 'root' ? withMostProcesses(soft) : undefined;
  } catch {
    return undefined;
  }
}
