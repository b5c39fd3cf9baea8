// Finds mounts over parts of /proc. The kernel lets a user namespace mount a fresh /proc only where a whole one is visible
// already: mount_too_revealing() in its fs/namespace.c.

/** Folders below /proc that are always empty: a mount on them hides nothing. */
const EMPTY = ['/sys/fs/binfmt_misc', '/fs/nfsd'];

/**
 * @param mountInfo text of /proc/self/mountinfo, proc_pid_mountinfo(5)
 * @returns mount points below /proc; an empty list where /proc, or another mount of it, is whole
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
