// Covers the host's named pipes in read-only trees of a plugin, where nothing else keeps the plugin from writing into them. Runs in the
// supervisor.
import { PIPE_MASKS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { findPipes } from '../files/find-pipes.js';
import { isWithin, moved } from '../files/path-within.js';
import type { Tree } from '../root/exposed-trees.js';
import type { RootPlan } from '../root/plan-root.js';

const NO_NAME = 'the name of a pipe (fifo) below it is not UTF-8; rename the pipe';
const TOO_MANY = `it has pipes (fifo), and there are more than ${PIPE_MASKS} to hide one by one; remove pipes that nobody needs`;

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
    const { pipes, crowded, folders, complete } = await findPipes(tree.source);
    if (!complete)
      onNotice(
        `the plugin may write into the pipes (fifo) in "${printable(tree.source)}": it has too many files, or too deep folders, to find them all; show a narrower path`,
      );
    const mask = (source: string, why?: string): void => {
      const path = moved(source, tree.source, tree.path);
      const covered = entries.some(
        (entry) => entry !== tree && isWithin(path, entry.path) && isWithin(entry.path, tree.path),
      );
      if (
        /* protects: G14 as a user, the pipes of an exposed tree are covered => true */ covered ||
        hiddenBy(source) !== undefined
      )
        return;
      masks.push({ kind: 'mask', path, directory: why !== undefined, ifThere: true });
      if (why !== undefined) onNotice(`"${printable(source)}" is hidden: ${why}`);
    };
    for (const pipe of pipes) mask(pipe);
    // protects: G14 pipes that are too many to mask are masked with their folder
    for (const folder of crowded) mask(folder, TOO_MANY);
    // protects: G14 a pipe whose name is no UTF-8 is masked with its folder
    for (const folder of folders) mask(folder, NO_NAME);
  }
  return masks;
}
