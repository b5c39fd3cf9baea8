// Which read-only trees of a plan only their mounts protect: a program can write into a pipe (fifo(7)) on a read-only mount. Landlock keeps it
// from that, but works by path: it allows all below a place that the plugin may write. Pure.
import type { RootEntry } from '../../launch/spec.js';
import { isWithin } from '../files/path-within.js';
import type { RootPlan } from './plan-root.js';

export type Tree = Extract<RootEntry, { readonly kind: 'bind' }>;

/** @param landlock whether the kernel has Landlock. Without it, each tree that the user named is exposed */
export function exposedTrees(
  { entries, writableDirectories }: Pick<RootPlan, 'entries' | 'writableDirectories'>,
  landlock: boolean,
): readonly Tree[] {
  return entries.filter((entry): entry is Tree => {
    if (entry.kind !== 'bind' || entry.writable || entry.device === true) return false;
    if (!landlock && entry.asOwner !== undefined) return true;
    // test point: trees within writable folders are exposed => return false;
    return writableDirectories.some((folder) => isWithin(entry.path, folder));
  });
}
