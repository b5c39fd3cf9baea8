// The second layer: the filter refuses calls, Landlock refuses objects. Only a kernel without Landlock goes without it.
import { existsSync } from 'node:fs';
import { PosternError } from '../../shared/errors.js';
import { LANDLOCK_UNIX, landlockVersion, restrictByLandlock } from '../../shared/sys/landlock.js';
import type { LaunchSpec } from './spec.js';

/** Whether it keeps a plugin from every AF_UNIX socket of the host. */
export function keepsUnix(version: number): boolean {
  // test point: own_datagrams => return false;
  // protects: G4 datagram sockets only where Landlock keeps them => return version < LANDLOCK_UNIX;
  return version >= LANDLOCK_UNIX;
}

/** @throws PosternError `launch_failed` where it keeps less than the filters of the spec expect */
export function enterLandlock(spec: LaunchSpec): void {
  const version = landlockVersion();
  if (version > 0)
    restrictByLandlock(version, {
      writableDirectories:
        /* protects: G14 Landlock, which denies writing outside of what is listed => ['/'] */ spec.writableDirectories,
      writableFiles: spec.writableFiles.filter(existsSync),
    });
  if (spec.keepsUnix && !keepsUnix(version))
    throw new PosternError('launch_failed', `Landlock has version ${version} here, and another one outside`);
}
