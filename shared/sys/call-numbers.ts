// The numbers of system calls, by libseccomp, and those that are newer than the library of this host.

import type { KoffiFunc } from 'koffi';
import koffi from 'koffi';
import { PosternError } from '../errors.js';
import { loadLibrary } from './load-library.js';

// The numbers of system calls, by name, seccomp_syscall_resolve_name(3).

/** __NR_SCMP_ERROR: libseccomp does not know the name. */
const NR_SCMP_ERROR = -1;

type Resolve = KoffiFunc<(name: string) => number>;
let loaded: Resolve | undefined;
/** libseccomp compares a name with every other, and each start of a plugin asks for some hundred. */
const resolved = new Map<string, number>();

function resolve(name: string): number {
  const known = resolved.get(name);
  if (known !== undefined) return known;
  loaded ??= loadLibrary('libseccomp.so.2', 'libseccomp2').func(
    'int seccomp_syscall_resolve_name(const char *name)',
  ) as Resolve;
  const number = loaded(name);
  resolved.set(name, number);
  return number;
}

/** Whether this architecture has a call of that name, as far as postern and libseccomp know. */
export function knowsCall(name: string): boolean {
  return (findNumber(name, resolve) ?? -1) >= 0;
}

/**
 * The number of a call in a filter.
 *
 * @returns a negative number if this architecture does not have the call
 * @throws PosternError `seccomp` if neither libseccomp nor postern knows the name; `missing_library` without libseccomp
 */
export function callNumber(name: string): number {
  const number = findNumber(name, resolve);
  // Without this error, a rule that refuses the call would be missing silently.
  if (number === undefined)
    throw new PosternError('seccomp', `Neither libseccomp nor postern knows the system call "${name}"`, {
      fields: { step: 'seccomp_syscall_resolve_name' },
    });
  return number;
}

/** @returns undefined for a name that neither `resolve` nor postern knows */
export function findNumber(name: string, resolve: (name: string) => number): number | undefined {
  // A libseccomp may know such a name before it knows that this architecture has the call.
  const number = NEW_CALLS.get(name) ?? resolve(name);
  return number === NR_SCMP_ERROR ? undefined : number;
}

// System calls whose numbers are the same on x86-64 and arm64, as every call from 424 on: a libseccomp that is older than the kernel does not
// know their names. From the kernel's scripts/syscall.tbl.

const FIRST = 424;
const NAMES = [
  ...[
    'pidfd_send_signal',
    'io_uring_setup',
    'io_uring_enter',
    'io_uring_register',
    'open_tree',
    'move_mount',
  ],
  ...[
    'fsopen',
    'fsconfig',
    'fsmount',
    'fspick',
    'pidfd_open',
    'clone3',
    'close_range',
    'openat2',
    'pidfd_getfd',
  ],
  ...['faccessat2', 'process_madvise', 'epoll_pwait2', 'mount_setattr', 'quotactl_fd'],
  ...['landlock_create_ruleset', 'landlock_add_rule', 'landlock_restrict_self', 'memfd_secret'],
  ...['process_mrelease', 'futex_waitv', 'set_mempolicy_home_node', 'cachestat', 'fchmodat2'],
  ...['map_shadow_stack', 'futex_wake', 'futex_wait', 'futex_requeue', 'statmount', 'listmount'],
  ...['lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules', 'mseal'],
  ...['setxattrat', 'getxattrat', 'listxattrat', 'removexattrat'],
  ...['open_tree_attr', 'file_getattr', 'file_setattr', 'listns'],
];

/** Names to numbers. */
export const NEW_CALLS: ReadonlyMap<string, number> = new Map(
  NAMES.map((name, index) => [name, FIRST + index]),
);

// The version of libseccomp, seccomp_version(3). For `postern doctor`.

/**
 * @returns as in `2.5.4`
 * @throws PosternError `missing_library`
 */
export function seccompVersion(): string {
  const version = loadLibrary('libseccomp.so.2', 'libseccomp2').func('void *seccomp_version()');
  // SAFETY: struct scmp_version has three unsigned ints, and lies in the library as long as that is loaded.
  return Array.from(koffi.decode(version(), 'uint', 3) as ArrayLike<number>).join('.');
}
