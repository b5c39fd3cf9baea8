// The host's files as plan-root.ts asks for them.
import { lstatSync, readlinkSync, realpathSync } from 'node:fs';
import type { HostFiles, PathKind } from './plan-root.js';

export const hostFiles: HostFiles = {
  kind: (path): PathKind => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return 'absent';
    if (stats.isSymbolicLink()) return 'link';
    if (stats.isDirectory()) return 'directory';
    return stats.isFile() ? 'file' : 'other';
  },
  readLink: (path) => readlinkSync(path),
  real: (path) => {
    try {
      return realpathSync(path);
    } catch {
      return undefined;
    }
  },
};
