// Answers the questions of plan-root.ts about the host's files.
import { lstatSync, readFileSync, readlinkSync, realpathSync, type Stats } from 'node:fs';
import { mountAliases } from './mount-aliases.js';

/** The kind of file at a path. A link in its last part is not followed. */
export type PathKind = 'directory' | 'file' | 'link' | 'other' | 'absent';
export interface HostFiles {
  readonly kind: (path: string) => PathKind;
  readonly readLink: (path: string) => string;
  /** The path with every link resolved; undefined where no file is there. */
  readonly real: (path: string) => string | undefined;
  /** UID:GID of the file; undefined where no file is there. */
  readonly owner: (path: string) => string | undefined;
  /** Other paths of the same file, whose file system is mounted more than once. */
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

/** Undefined also where a part of the way is no folder, or may not be entered. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
