// Finds the folder of this process's control group, cgroups(7). A pure function of the texts of /proc/self/cgroup and mountinfo.
import { posix } from 'node:path';

/** @returns undefined where cgroup v2 is not mounted, or the mount does not contain the own group */
export function findOwnCgroup(cgroup: string, mountInfo: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(cgroup)?.[1];
  if (path === undefined || path.startsWith('/..')) return undefined;
  for (const line of mountInfo.split('\n')) {
    const [, , , root = '', point = '', ...rest] = line.split(' ');
    if (rest[rest.indexOf('-') + 1] !== 'cgroup2') continue;
    const below = posix.relative(unescaped(root), path);
    if (!below.startsWith('..')) return posix.join(unescaped(point), below);
  }
  return undefined;
}

/** The kernel writes blanks and some other characters as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
