// Whether this process holds an io_uring, io_uring_setup(2), and the filter against further ones. Runs in the broker, before and after it enters its
// sandbox.

import { readdirSync, readlinkSync } from 'node:fs';
import type { Filter } from '../../shared/sys/filter.js';

const OWN_DESCRIPTORS = '/proc/self/fd';
const RING = 'anon_inode:[io_uring]';

/** The filter that the broker's Node starts with: a ring executes calls that no filter sees, io_uring(7). Programs fall back if there is none. */
export const NO_RINGS: Filter = {
  otherwise: 'allow',
  rules: [{ calls: ['io_uring_setup', 'io_uring_enter', 'io_uring_register'], action: 'ENOSYS' }],
};

export function holdsRing(): boolean {
  return readdirSync(OWN_DESCRIPTORS).some((number) => {
    try {
      return readlinkSync(`${OWN_DESCRIPTORS}/${number}`) === RING;
    } catch {
      // The descriptor that read the folder is closed by now.
      return false;
    }
  });
}
