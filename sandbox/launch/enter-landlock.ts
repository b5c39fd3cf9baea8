// The second layer: the filter refuses calls, Landlock refuses objects. Only a kernel without Landlock goes without it.
import { existsSync } from 'node:fs';
import { LANDLOCK_UNIX, landlockVersion, restrictByLandlock } from '../../shared/sys/landlock.js';
import type { LaunchSpec } from './spec.js';

/** @returns whether it keeps the plugin from every AF_UNIX socket of the host */
export function enterLandlock(spec: LaunchSpec): boolean {
  const version = landlockVersion();
  if (version === 0) return false;
  restrictByLandlock(version, {
    writableDirectories: spec.writableDirectories,
    writableFiles: spec.writableFiles.filter(existsSync),
  });
  return version >= LANDLOCK_UNIX;
}
