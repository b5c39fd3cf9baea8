// The second layer: what the filter refuses by call, Landlock refuses by object. Left out only where the kernel has none.
import { existsSync } from 'node:fs';
import { landlockVersion, restrictByLandlock } from '../../shared/sys/landlock.js';
import type { LaunchSpec } from './spec.js';

/** Terminals are files of the host's, so each that the plugin holds is listed, or `echo > /dev/stderr` would fail. */
export function enterLandlock(spec: LaunchSpec): void {
  const version = landlockVersion();
  if (version === 0) return;
  restrictByLandlock(version, {
    writableDirectories: spec.writableDirectories,
    writableFiles: [...spec.writableFiles, ...spec.terminals.map((fd) => `/proc/self/fd/${fd}`)].filter(
      existsSync,
    ),
  });
}
