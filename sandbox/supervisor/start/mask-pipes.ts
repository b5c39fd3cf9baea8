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
 * @param onNotice takes one line for each tree that is too large to look through, and for each folder that is hidden
 * @returns a mask for each pipe that the plugin would see, or for its folder
 */
export async function maskPipes(
  { entries, hiddenBy }: Pick<RootPlan, 'entries' | 'hiddenBy'>,
  trees: readonly Tree[],
  onNotice: (text: string) => void,
): Promise<readonly RootEntry[]> {
  const masks: RootEntry[] = [];
  for (const tree of trees) {
    const { pipes, folders, complete } = await findPipes(tree.source);
    if (!complete)
      onNotice(
        `the plugin may write into the pipes (fifo) in "${printable(tree.source)}": it has too many files, or too deep folders, to find them all; show a narrower path`,
      );
    const mask = (source: string, directory: boolean): void => {
      const path = moved(source, tree.source, tree.path);
      const covered = entries.some(
        (entry) => entry !== tree && isWithin(path, entry.path) && isWithin(entry.path, tree.path),
      );
      if (covered || hiddenBy(source) !== undefined) return;
      masks.push({ kind: 'mask', path, directory, ifThere: true });
      if (directory)
        onNotice(
          `"${printable(source)}" is hidden: the name of a pipe (fifo) below it is not UTF-8; rename the pipe`,
        );
    };
    for (const pipe of pipes) mask(pipe, false);
    for (const folder of folders) mask(folder, true);
  }
  return masks;
}
