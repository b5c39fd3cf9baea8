// Finds mounts of file systems that show the kernel's own facts and settings. Pure. Those with devices alone are none: no device opens on a
// plugin's mounts (nodev), and containers mount /dev/null over files.
import { type Mount, parseMounts } from './mount-aliases.js';

const KERNEL_TYPES = [
  ...['proc', 'sysfs', 'cgroup', 'cgroup2', 'debugfs', 'tracefs', 'securityfs', 'bpf'],
  ...['configfs', 'efivarfs', 'pstore', 'selinuxfs', 'smackfs', 'binfmt_misc', 'mqueue', 'fusectl', 'nsfs'],
];

/** @param mountinfo the text of /proc/self/mountinfo */
export function kernelMounts(mountinfo: string): readonly Mount[] {
  return parseMounts(mountinfo).filter(({ type }) => KERNEL_TYPES.includes(type));
}
