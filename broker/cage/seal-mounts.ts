// Makes all that the broker sees of the host's files read-only. Runs in the broker while it is root still, in a mount namespace that
// the supervisor has started it in.
import { readlinkSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { makeAllMountsReadOnly } from '../../shared/sys/mount.js';

/**
 * @param supervisorMounts the supervisor's mount namespace, as it reads it of itself: to read another's takes CAP_SYS_PTRACE
 * @throws PosternError `broker_mounts` where this process is in that namespace: the host would become read-only
 */
export function sealMounts(supervisorMounts: string | undefined): void {
  if (supervisorMounts === undefined || readlinkSync('/proc/self/ns/mnt') === supervisorMounts)
    throw new PosternError('broker_mounts', 'The broker has no mount namespace of its own');
  makeAllMountsReadOnly();
}
