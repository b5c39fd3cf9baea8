// Finds the sandboxes that this user's supervisors run now, and asks the kernel what their plugins may write: postern neither runs nor loads what such a
// plugin could change. A sandbox's pid 1 shows its mounts, proc_pid_mountinfo(5), whether its supervisor has a control socket or not. What a sandbox left
// that has ended, nobody can tell.
//
// /proc shows every process of the host, and plugins and other users choose what theirs are called, and how many there are. So only the pid 1 of a nested
// pid namespace counts, which no plugin can be. Of all other processes nothing is read but their status: to read its arguments, proc_pid_cmdline(5),
// the kernel waits for a lock of the process (mmap_lock), which the threads of a hostile one can hold for minutes.

import { readdirSync, readFileSync } from 'node:fs';
import { configuredIds } from '../../host/id-range.js';
import { INIT_NAME } from '../../launch/spec.js';
import type { SandboxMounts } from './host-files.js';

/** Its pids in this namespace and in the inner ones, proc_pid_status(5). */
const INNER_FIRST = /^NSpid:\t.*\t1$/m;

/** @returns those whose mounts this process may read, those of its own plugins among them */
export function otherSandboxes(): readonly SandboxMounts[] {
  return readdirSync('/proc').flatMap((name): readonly SandboxMounts[] => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    // It may have ended since, and nothing is there.
    const read = (file: string): string => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8');
      } catch {
        return '';
      }
    };
    const status = read('status');
    const [uid = Number.NaN, parent] = [/^Uid:\t(\d+)/m, /^PPid:\t(\d+)/m].map((field) =>
      Number(field.exec(status)?.[1]),
    );
    const isFirst =
      /* protects: G8 a process that is no pid 1 passes for no sandbox, and is not asked for its arguments => true */ INNER_FIRST.test(
        status,
      );
    if (!isFirst || !isOfThisUser(uid) || !read('cmdline').startsWith(`${INIT_NAME}\0`)) return [];
    return [{ pid, isOfThisProcess: parent === process.pid, mountinfo: read('mountinfo') }];
  });
}

/** Another user, who can call a program so, keeps no postern of this one from its start. */
function isOfThisUser(uid: number): boolean {
  const own = process.geteuid?.() ?? 0;
  // Root without CAP_SYS_ADMIN maps no ids for init.
  const isOwn =
    /* protects: G20 a sandbox of root without CAP_SYS_ADMIN counts (as root) => own !== 0 && uid === own */ uid ===
    own;
  if (isOwn || own !== 0) return isOwn;
  const { base, count } = configuredIds();
  return uid >= base && uid < base + count;
}
