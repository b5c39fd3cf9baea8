// The privileges of this process decide how sandboxes are made. They are read from its capabilities, not from uid 0: root in
// a container has few.

import { readFileSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { SystemError } from '../../shared/sys/libc.js';
import { copyTree } from '../../shared/sys/mount.js';
import { getLimit, RLIMIT, withMostProcesses } from '../../shared/sys/rlimit.js';

/**
 * - `root`: broker and plugins get their own ids, the broker gets its own mounts, and the supervisor copies the host's mounts.
 * - `confined-root`: root that may not copy mounts. It has no CAP_SYS_ADMIN, for example in a container, or its user namespace
 *   does not own its mount namespace. Plugins get their own ids; everything else is as for a user.
 * - `user`: a plugin has the user's id.
 */
export type Privileges = 'root' | 'confined-root' | 'user';

const KILL = 5n;
const SETGID = 6n;
const SETUID = 7n;
const SYS_ADMIN = 21n;

const FIX = 'add the capabilities, or start postern as an ordinary user (in a container: --user 1000:1000)';

/**
 * @param uid the effective uid
 * @param status the text of /proc/self/status
 * @param copiesMounts whether the kernel lets this process copy the mount at /, open_tree(2)
 * @throws PosternError `missing_capabilities` for a root that cannot give plugins their own ids, or not end them then
 */
export function privilegesOf(
  uid: number | undefined,
  status: string,
  copiesMounts: () => boolean,
): Privileges {
  if (uid !== 0) return 'user';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (capability: bigint): boolean => ((effective >> capability) & 1n) === 1n;
  if (!has(SETUID) || !has(SETGID)) {
    throw new PosternError(
      'missing_capabilities',
      'root without CAP_SETUID and CAP_SETGID cannot give plugins ids other than its own',
      { fix: FIX },
    );
  }
  // protects: G11 supervisor: a root that may not end a sandbox starts none => if (false)
  if (!has(KILL))
    throw new PosternError(
      'missing_capabilities',
      'root without CAP_KILL cannot end plugins, whose ids are others',
      {
        fix: FIX,
      },
    );
  return has(SYS_ADMIN) && copiesMounts() ? 'root' : 'confined-root';
}

/** @throws PosternError `missing_capabilities` */
export function ownPrivileges(): Privileges {
  return privilegesOf(process.geteuid?.(), readFileSync('/proc/self/status', 'latin1'), copiesMounts);
}

function copiesMounts(): boolean {
  try {
    copyTree('/', true).close();
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.code === 'EPERM') return false;
    throw error;
  }
}

// Finds how many processes all sandboxes of this postern may have together. Runs in the supervisor and in `check`.

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
