// Finds the sandboxes that other supervisors of this user run now, and asks the kernel what their plugins may write: postern neither runs nor loads what
// such a plugin could change. A sandbox's pid 1 shows its mounts, proc_pid_mountinfo(5), whether its supervisor has a control socket or not. What
// a sandbox left that has ended, nobody can tell.

import { readdirSync, readFileSync } from 'node:fs';
import { configuredIds } from '../../host/id-range.js';
import { INIT_NAME } from '../../launch/spec.js';
import type { SandboxMounts } from './host-files.js';

/** @returns those whose mounts this process may read. Those of its own plugins, which the configuration tells, are left out */
export function otherSandboxes(): readonly SandboxMounts[] {
  return readdirSync('/proc').flatMap((name): readonly SandboxMounts[] => {
    const pid = Number(name);
    // It may have ended since, and nothing is there.
    const read = (file: string): string => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8');
      } catch {
        return '';
      }
    };
    if (!Number.isInteger(pid) || !read('cmdline').startsWith(`${INIT_NAME}\0`)) return [];
    const status = read('status');
    const [uid, parent] = [/^Uid:\s+(\d+)/m, /^PPid:\s+(\d+)/m].map((field) =>
      Number(field.exec(status)?.[1]),
    );
    if (uid === undefined || !isOfThisUser(uid) || parent === process.pid) return [];
    return [{ pid, mountinfo: read('mountinfo') }];
  });
}

/** Another user, who can call a program so, keeps no postern of this one from its start. */
function isOfThisUser(uid: number): boolean {
  const own = process.geteuid?.() ?? 0;
  if (own !== 0) return uid === own;
  const { base, count } = configuredIds();
  return uid >= base && uid < base + count;
}
