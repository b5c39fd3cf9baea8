// Makes all that the broker sees of the host's files read-only. Runs in the broker while it is root still, in a mount namespace that
// the supervisor has started it in.
import { readlinkSync } from 'node:fs';
import { PosternError } from '../shared/errors.js';
import { makeAllMountsReadOnly } from '../shared/sys/mount.js';

/**
 * @param parent the supervisor's pid
 * @throws PosternError `broker_mounts` where the mount namespace is the supervisor's: the host would become read-only
 */
export function sealMounts(parent: number): void {
  if (readlinkSync('/proc/self/ns/mnt') === readlinkSync(`/proc/${parent}/ns/mnt`))
    throw new PosternError('broker_mounts', 'The broker has no mount namespace of its own');
  makeAllMountsReadOnly();
}
