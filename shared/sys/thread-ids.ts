// Ids of the calling thread alone, credentials(7): the system calls, which change one thread, and not the functions of a libc, which change
// all of them. Runs in a thread of the supervisor.
import { SYS, syscallLongs } from './syscall.js';
import { succeed } from './system-error.js';

const UNCHANGED = -1;
const ROOT = 0;

/** Drops this thread's supplementary groups for good. */
export function dropThreadGroups(): void {
  succeed(syscallLongs(SYS.setgroups, 0, 0, 0, 0, 0), 'setgroups');
}

/**
 * Does work with other effective ids, and so without the capabilities of root. They come back with its id.
 *
 * @param work gets a function that does a part of it as root again
 * @throws SystemError EPERM without CAP_SETUID and CAP_SETGID
 */
export function withThreadIds<T>(id: number, work: (asRoot: <U>(part: () => U) => U) => T): T {
  const asRoot = <U>(part: () => U): U => between(ROOT, id, part);
  return between(id, ROOT, () => work(asRoot));
}

function between<T>(during: number, after: number, work: () => T): T {
  take(during);
  try {
    return work();
  } finally {
    take(after);
  }
}

/** Only root may take a group that it does not have: so it is root for that. */
function take(id: number): void {
  setEffective(SYS.setresuid, 'setresuid', ROOT);
  setEffective(SYS.setresgid, 'setresgid', id);
  setEffective(SYS.setresuid, 'setresuid', id);
}

function setEffective(call: number, name: string, id: number): void {
  succeed(syscallLongs(call, UNCHANGED, id, UNCHANGED, 0, 0), name, String(id));
}
