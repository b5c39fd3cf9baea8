// syscall(2) for calls that a libc may not wrap yet. Their numbers from 424 on are the same on x86-64 and arm64.
import { bind } from './libc.js';

/** The type of kcmp(2) that compares open files. */
export const KCMP_FILE = 0;
/** The type of kcmp(2) that compares an open file with that of an entry of an epoll(7). */
export const KCMP_EPOLL_TFD = 7;

export const SYS: Readonly<Record<SyscallName, number>> = {
  pidfd_send_signal: 424,
  open_tree: 428,
  move_mount: 429,
  pidfd_open: 434,
  pidfd_getfd: 438,
  mount_setattr: 442,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  setgroups: process.arch === 'arm64' ? 159 : 116,
  setresuid: process.arch === 'arm64' ? 147 : 117,
  setresgid: process.arch === 'arm64' ? 149 : 119,
  pivot_root: process.arch === 'arm64' ? 41 : 155,
  getpriority: process.arch === 'arm64' ? 141 : 140,
  tgkill: process.arch === 'arm64' ? 131 : 234,
  kcmp: process.arch === 'arm64' ? 272 : 312,
  seccomp: process.arch === 'arm64' ? 277 : 317,
};

type SyscallName =
  | 'pidfd_send_signal'
  | 'open_tree'
  | 'move_mount'
  | 'pidfd_open'
  | 'pidfd_getfd'
  | 'mount_setattr'
  | 'landlock_create_ruleset'
  | 'landlock_add_rule'
  | 'landlock_restrict_self'
  | 'setgroups'
  | 'setresuid'
  | 'setresgid'
  | 'pivot_root'
  | 'getpriority'
  | 'tgkill'
  | 'kcmp'
  | 'seccomp';

/** Arguments as longs: numbers and flags. */
export const syscallLongs: (...args: (number | bigint)[]) => number = bind(
  'long syscall(long number, long a, long b, long c, long d, long e)',
) as (...args: (number | bigint)[]) => number;

/** (path, path) */
export const syscallPaths: (number: number, a: string, b: string) => number = bind(
  'long syscall(long number, const char *a, const char *b)',
) as (number: number, a: string, b: string) => number;

/** (fd, path, flags) */
export const syscallAt: (number: number, fd: number, path: string, flags: number) => number = bind(
  'long syscall(long number, long fd, const char *path, long flags)',
) as (number: number, fd: number, path: string, flags: number) => number;

/** (fd, path, fd, path, flags) */
export const syscallAtAt: (
  n: number,
  a: number,
  from: string,
  b: number,
  to: string,
  flags: number,
) => number = bind(
  'long syscall(long number, long a, const char *from, long b, const char *to, long flags)',
) as (n: number, a: number, from: string, b: number, to: string, flags: number) => number;

/** (fd, path, flags, struct, size) */
export const syscallAtStruct: (
  n: number,
  fd: number,
  path: string,
  flags: number,
  struct: Uint8Array,
  size: number,
) => number = bind(
  'long syscall(long number, long fd, const char *path, long flags, const void *structure, long size)',
) as (n: number, fd: number, path: string, flags: number, struct: Uint8Array, size: number) => number;

/** (struct, size, flags) */
export const syscallStruct: (n: number, struct: Uint8Array | null, size: number, flags: number) => number =
  bind('long syscall(long number, const void *structure, long size, long flags)') as (
    n: number,
    struct: Uint8Array | null,
    size: number,
    flags: number,
  ) => number;

/** (fd, kind, struct, flags) */
export const syscallFdStruct: (
  n: number,
  fd: number,
  kind: number,
  struct: Uint8Array | null,
  flags: number,
) => number = bind('long syscall(long number, long fd, long kind, const void *structure, long flags)') as (
  n: number,
  fd: number,
  kind: number,
  struct: Uint8Array | null,
  flags: number,
) => number;

/** (operation, flags, struct) */
export const syscallOperation: (n: number, operation: number, flags: number, struct: Uint8Array) => number =
  bind('long syscall(long number, long operation, long flags, const void *structure)') as (
    n: number,
    operation: number,
    flags: number,
    struct: Uint8Array,
  ) => number;
