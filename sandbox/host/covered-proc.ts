// What is mounted over parts of /proc: the kernel gives a user namespace a /proc of its own only where a whole one can be
// seen already, mount_too_revealing() of its fs/namespace.c.

/** Folders that are empty for good, below /proc: what lies on them hides nothing. */
const EMPTY = ['/sys/fs/binfmt_misc', '/fs/nfsd'];

/**
 * @param mountInfo text of /proc/self/mountinfo, proc_pid_mountinfo(5)
 * @returns mount points below /proc; none where that or another mount of the same kind is whole
 */
export function coveredProc(mountInfo: string): readonly string[] {
  const mounts = mountInfo
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, , , root = '', point = ''] = line.split(' ');
      return { root, point, type: line.split(' - ')[1]?.split(' ')[0] };
    });
  const covers = mounts
    .filter(({ root, type }) => root === '/' && type === 'proc')
    .map(({ point }) => {
      const below = mounts.map((mount) => mount.point).filter((other) => other.startsWith(`${point}/`));
      return [...new Set(below)].filter((other) => !EMPTY.includes(other.slice(point.length)));
    });
  return covers.some((points) => points.length === 0) ? [] : (covers[0] ?? []);
}
