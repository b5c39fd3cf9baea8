// Covers file systems of the kernel that the host has mounted at or below a shown path, such as the /proc of a chroot: they tell about the
// host, and change its settings and processes. A path that the user named is refused before (require-paths.ts), so only a working directory
// or the prefix of a program can be one itself. Runs in the supervisor.
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { hostFiles } from '../files/host-files.js';
import { kernelMountAt, kernelMounts } from '../files/kernel-mounts.js';
import { isWithin, moved } from '../files/path-within.js';

/**
 * @param mountinfo the text of /proc/self/mountinfo
 * @param onNotice takes one line for each mount that is covered
 */
export function maskKernelMounts(
  entries: readonly RootEntry[],
  mountinfo: string,
  onNotice: (text: string) => void,
): readonly RootEntry[] {
  const points = kernelMounts(mountinfo);
  return entries.flatMap((entry): RootEntry[] => {
    if (entry.kind !== 'bind' || entry.device === true) return [];
    const own = kernelMountAt(entry.source, mountinfo);
    // protects: G17 a working directory in a file system of the kernel is covered (as root)
    if (own !== undefined) {
      onNotice(`"${printable(entry.source)}" is hidden: it is a ${own.type} file system of the host`);
      return [{ kind: 'mask', path: entry.path, directory: entry.directory, ifThere: true }];
    }
    const below = points.filter(({ point }) => point !== entry.source && isWithin(point, entry.source));
    return [...new Map(below.map((mount) => [mount.point, mount])).values()].map(({ point, type }) => {
      onNotice(`"${printable(point)}" is hidden: it is a ${type} file system of the host`);
      const path = moved(point, entry.source, entry.path);
      return { kind: 'mask', path, directory: hostFiles.kind(point) === 'directory', ifThere: true };
    });
  });
}
