// The host's files as plan-root.ts asks for them.
import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { mountAliases } from './mount-aliases.js';

/** Of the host's files: what lies at a path, without following a link in its last part. */
export type PathKind = 'directory' | 'file' | 'link' | 'other' | 'absent';
export interface HostFiles {
  readonly kind: (path: string) => PathKind;
  readonly readLink: (path: string) => string;
  /** The path with every link resolved; undefined where nothing is there. */
  readonly real: (path: string) => string | undefined;
  /** UID:GID of what lies there; undefined where nothing is. */
  readonly owner: (path: string) => string | undefined;
  /** Other paths by which the same shows, since its file system is mounted more than once. */
  readonly aliases: (path: string) => readonly string[];
}

export const hostFiles: HostFiles = {
  kind: (path): PathKind => {
    const stats = statsOf(path);
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
  owner: (path) => {
    const stats = statsOf(path);
    return stats === undefined ? undefined : `${stats.uid}:${stats.gid}`;
  },
  aliases: (path) => mountAliases(path, readFileSync('/proc/self/mountinfo', 'utf8')),
};

/** Undefined also where a folder on the way is none, or may not be entered. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
