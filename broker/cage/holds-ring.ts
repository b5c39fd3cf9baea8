// Whether this process holds an io_uring, io_uring_setup(2). Runs in the broker, before and after it enters its cage.
import { readdirSync, readlinkSync } from 'node:fs';

const OWN_DESCRIPTORS = '/proc/self/fd';
const RING = 'anon_inode:[io_uring]';

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
