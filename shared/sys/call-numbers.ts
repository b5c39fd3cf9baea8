// The numbers of system calls, by name, seccomp_syscall_resolve_name(3). Runs in the supervisor and the broker.
import type { KoffiFunc } from 'koffi';
import { PosternError } from '../errors.js';
import { loadLibrary } from './load-library.js';
import { NEW_CALLS } from './new-calls.js';

/** __NR_SCMP_ERROR: libseccomp does not know the name. */
const NR_SCMP_ERROR = -1;

type Resolve = KoffiFunc<(name: string) => number>;
let loaded: Resolve | undefined;

function resolve(name: string): number {
  loaded ??= loadLibrary('libseccomp.so.2', 'libseccomp2').func(
    'int seccomp_syscall_resolve_name(const char *name)',
  ) as Resolve;
  return loaded(name);
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
  const number = resolve(name);
  return number === NR_SCMP_ERROR ? NEW_CALLS.get(name) : number;
}
