// Makes every host file that the broker sees read-only. Runs in the broker while it is still root, in the mount namespace that the
// supervisor made for it.
import { readlinkSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { makeAllMountsReadOnly } from '../../shared/sys/mount.js';

/**
 * @param supervisorMounts the supervisor's mount namespace. The supervisor reads it: the broker would need CAP_SYS_PTRACE
 * @throws PosternError `broker_mounts` if this process is in that namespace: the host would become read-only
 */
export function sealMounts(supervisorMounts: string | undefined): void {
  if (supervisorMounts === undefined || readlinkSync('/proc/self/ns/mnt') === supervisorMounts)
    throw new PosternError('broker_mounts', 'The broker has no mount namespace of its own');
  // protects: G16 broker: all that it sees of the host is read-only (as root)
  makeAllMountsReadOnly();
}
