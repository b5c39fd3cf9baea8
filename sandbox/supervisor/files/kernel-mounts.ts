// Finds mounts of file systems that show the kernel's own facts and settings. Pure. Those with devices alone are none: no device opens on a
// plugin's mounts (nodev), and containers mount /dev/null over files.
import { type Mount, mountOf, parseMounts } from './mount-aliases.js';

const KERNEL_TYPES = [
  ...['proc', 'sysfs', 'cgroup', 'cgroup2', 'debugfs', 'tracefs', 'securityfs', 'bpf'],
  ...['configfs', 'efivarfs', 'pstore', 'selinuxfs', 'smackfs', 'binfmt_misc', 'mqueue', 'fusectl', 'nsfs'],
];

/** A user may name a folder in one of these, such as /sys/devices/system/cpu, and no other may be shown. */
const MAY_SHOW_IN_PART = ['sysfs', 'cgroup', 'cgroup2'];

/** @param mountinfo the text of /proc/self/mountinfo */
export function kernelMounts(mountinfo: string): readonly Mount[] {
  return parseMounts(mountinfo).filter(
    /* protects: G17 a proc of the host's below a shown folder is covered (as root) => () => false */ ({
      type,
    }) => KERNEL_TYPES.includes(type),
  );
}

/**
 * Whether a path is a file system of the kernel, or lies in one that must not show even in part.
 *
 * @param path without a link in it
 * @param mountinfo the text of /proc/self/mountinfo
 * @returns the mount because of which the path must not show; undefined where it may
 */
export function kernelMountAt(path: string, mountinfo: string): Mount | undefined {
  const mount = mountOf(path, parseMounts(mountinfo));
  if (mount === undefined || !KERNEL_TYPES.includes(mount.type)) return undefined;
  return mount.point !== path && MAY_SHOW_IN_PART.includes(mount.type) ? undefined : mount;
}

/** As {@link kernelMountAt}, for a path that the plugin would write: no part of these file systems is writable. */
export function kernelMountOf(path: string, mountinfo: string): Mount | undefined {
  const mount = mountOf(path, parseMounts(mountinfo));
  return mount !== undefined && KERNEL_TYPES.includes(mount.type) ? mount : undefined;
}
