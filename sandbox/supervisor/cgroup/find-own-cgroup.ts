// Where the folder of this process's control group lies, cgroups(7). Pure: of the texts of /proc/self/cgroup and mountinfo, proc(5).
import { posix } from 'node:path';

/** @returns undefined where cgroup v2 is not mounted, or its own group lies outside of what is mounted */
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

/** Blanks and the like are written as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
