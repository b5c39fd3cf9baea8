// Covers the host's named pipes in read-only trees of a plugin, where nothing else keeps the plugin from writing into them. Runs in the
// supervisor.
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { findPipes } from '../files/find-pipes.js';
import { isWithin, moved } from '../files/path-within.js';
import type { Tree } from '../root/exposed-trees.js';
import type { RootPlan } from '../root/plan-root.js';

/**
 * @param trees read-only trees of the plan
 * @param onNotice takes one line for each tree that is too large to look through
 * @returns a mask for each pipe that the plugin would see
 */
export async function maskPipes(
  { entries, hiddenBy }: Pick<RootPlan, 'entries' | 'hiddenBy'>,
  trees: readonly Tree[],
  onNotice: (text: string) => void,
): Promise<readonly RootEntry[]> {
  const masks: RootEntry[] = [];
  for (const tree of trees) {
    const { pipes, complete } = await findPipes(tree.source);
    if (!complete)
      onNotice(
        `the plugin may write into the pipes (fifo) in "${printable(tree.source)}": it has too many files to find them all; show a narrower path`,
      );
    for (const pipe of pipes) {
      const path = moved(pipe, tree.source, tree.path);
      const covered = entries.some(
        (entry) => entry !== tree && isWithin(path, entry.path) && isWithin(entry.path, tree.path),
      );
      if (!covered && hiddenBy(pipe) === undefined)
        masks.push({ kind: 'mask', path, directory: false, ifThere: true });
    }
  }
  return masks;
}
