// The second layer: the filter refuses calls, Landlock refuses objects. Only a kernel without Landlock goes without it.
import { existsSync } from 'node:fs';
import { landlockVersion, restrictByLandlock } from '../../shared/sys/landlock.js';
import type { LaunchSpec } from './spec.js';

export function enterLandlock(spec: LaunchSpec): void {
  const version = landlockVersion();
  if (version === 0) return;
  restrictByLandlock(version, {
    writableDirectories: spec.writableDirectories,
    writableFiles: spec.writableFiles.filter(existsSync),
  });
}
