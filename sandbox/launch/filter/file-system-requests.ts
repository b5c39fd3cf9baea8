// Requests of ioctl(2) that a file system answers for all its files, whatever the plugin sees of them. Mounts and Landlock do not judge
// them.
import type { FilterGroup } from './filter-group.js';
import { allExcept, refuseRequests } from './requests-of-type.js';

const BTRFS = 0x94;
/** FICLONE, FICLONERANGE and FIDEDUPERANGE, ioctl_ficlone(2): they work on two open files, on every file system. */
const CLONES = [9, 13, 54];
const XFS = 0x58;
/** FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR and the reservations that fallocate(2) replaces: they work on one open file. */
const OF_ONE_FILE = [31, 32, 40, 41, 42, 43, 57];
const BCACHEFS = 0xbc;
const F2FS = 0xf5;
const SMB = 0xcf;
/** FS_IOC_SET_ENCRYPTION_POLICY, _GET_ENCRYPTION_PWSALT, _ADD_ENCRYPTION_KEY, _REMOVE_ENCRYPTION_KEY and its _ALL_USERS. */
const KEYS = [0x6613, 0x6614, 0x6617, 0x6618, 0x6619];

export const fileSystemRequests: FilterGroup =
  // protects: G14 (row of seccomp)
  {
    name: 'seccomp.ioctl_file_systems',
    why: 'a snapshot of a visible btrfs subvolume holds what is hidden in it; other requests take keys away, or write a read-only file',
    rules: [
      ...allExcept(BTRFS, CLONES, 'type and number'),
      ...allExcept(XFS, OF_ONE_FILE, 'type and number'),
      ...[BCACHEFS, F2FS, SMB].map((type) => refuseRequests({ mask: 0xff00, equals: type << 8 })),
      ...KEYS.map((request) => refuseRequests({ mask: 0xffff, equals: request })),
    ],
  };
