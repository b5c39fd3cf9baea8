// Covers file systems of the kernel that the host has mounted below a shown path, such as the /proc of a chroot: they tell about the host,
// and change its settings and processes. Runs in the supervisor.
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { hostFiles } from '../files/host-files.js';
import { kernelMounts } from '../files/kernel-mounts.js';
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
    const below = points.filter(({ point }) => point !== entry.source && isWithin(point, entry.source));
    return [...new Map(below.map((mount) => [mount.point, mount])).values()].map(({ point, type }) => {
      onNotice(`"${printable(point)}" is hidden: it is a ${type} file system of the host`);
      const path = moved(point, entry.source, entry.path);
      return { kind: 'mask', path, directory: hostFiles.kind(point) === 'directory', ifThere: true };
    });
  });
}
