// The mounts that a sandbox gets from outside, and what is covered in them. Runs in the supervisor.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { PIPE_MASKS } from '../../../shared/limits.js';
import { printable } from '../../../shared/printable.js';
import { landlockVersion } from '../../../shared/sys/landlock.js';
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import type { IdRange } from '../../host/id-range.js';
import type { Privileges } from '../../host/privileges.js';
import type { RootEntry } from '../../launch/spec.js';
import { findPipes } from '../files/find-pipes.js';
import { hostFiles, isWithin, kernelMountAt, kernelMounts, moved } from '../files/host-files.js';
import { type CopiedTrees, copyTrees, keptOwners } from '../owners/copy-trees.js';
import type { RootPlan } from '../root/plan-root.js';
import { exposedTrees, type Tree } from '../root/shared-trees.js';

// The mounts of a sandbox's root that map the owners of their files to the plugin's ids.

interface TreesHost {
  readonly privileges: Privileges;
  /** Takes lines for the operator. */
  readonly onNotice: (text: string) => void;
}

/**
 * Root copies the mounts itself. A user leaves that to the launcher, which then has the user's own id.
 *
 * @param held takes each descriptor that is opened on the way
 * @throws PosternError `bad_home`, and as {@link copyTrees} does
 */
export async function pluginTrees(
  { privileges, onNotice }: TreesHost,
  config: PluginConfig,
  plan: RootPlan,
  range: IdRange | undefined,
  held: OwnedFd[],
): Promise<Omit<CopiedTrees, 'unmapped'>> {
  const { entries } = plan;
  const exposed = exposedTrees(plan, landlockVersion() > 0);
  if (range !== undefined && privileges === 'root') {
    const copied = await copyTrees(entries, exposed, held, range.base + INNER_ID, onNotice);
    const masks = await maskPipes(plan, copied.unmapped, onNotice);
    return { ...copied, entries: [...copied.entries, ...masks] };
  }
  const masked = [...entries, ...(await maskPipes(plan, exposed, onNotice))];
  if (range === undefined) return { entries: masked, trees: [] };
  if (config.home !== undefined) {
    throw new PosternError(
      'bad_home',
      `Cannot keep a home in "${config.home}": root without CAP_SYS_ADMIN cannot map the ids of its files`,
      { fix: 'add that capability, or start postern as the owner of the folder' },
    );
  }
  for (const line of keptOwners(config)) onNotice(line);
  return { entries: masked, trees: [] };
}

// Covers the host's named pipes in read-only trees of a plugin, where nothing else keeps the plugin from writing into them. Runs in the
// supervisor.

const NO_NAME = 'the name of a pipe (fifo) below it is not UTF-8; rename the pipe';
const TOO_MANY = `it has pipes (fifo), and there are more than ${PIPE_MASKS} to hide one by one; remove pipes that nobody needs`;

/**
 * @param trees read-only trees of the plan
 * @param onNotice takes one line for each tree that is too large to look through, and for each folder that is hidden
 * @returns a mask for each pipe that the plugin would see, or for its folder
 */
async function maskPipes(
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

// Covers file systems of the kernel that the host has mounted at or below a shown path, such as the /proc of a chroot: they tell about the
// host, and change its settings and processes. A path that the user named is refused before (require-paths.ts), so only a working directory
// or the prefix of a program can be one itself. A mask goes to a path, so no plugin may rename what lies there: refuse-start.ts refuses such a place.
// A mask without its path fails the start.

/**
 * @param mountinfo the text of /proc/self/mountinfo
 * @param onNotice takes one line for each mount that is covered
 * @throws PosternError `not_allowed`
 */
export function maskKernelMounts(
  entries: readonly RootEntry[],
  mountinfo: string,
  onNotice: (text: string) => void,
): readonly RootEntry[] {
  const points = kernelMounts(mountinfo);
  return entries.flatMap((entry): RootEntry[] => {
    if (entry.kind !== 'bind' || entry.device === true) return [];
    const own = kernelMountAt(entry.source, mountinfo);
    // protects: G17 a working directory in a file system of the kernel is covered (as root)
    if (own !== undefined) {
      onNotice(`"${printable(entry.source)}" is hidden: it is a ${own.type} file system of the host`);
      return [{ kind: 'mask', path: entry.path, directory: entry.directory }];
    }
    const below = points.filter(({ point }) => point !== entry.source && isWithin(point, entry.source));
    const masks = new Map<string, RootEntry>();
    for (const { point, type } of below) {
      const path = moved(point, entry.source, entry.path);
      // Another entry or mask lies on top.
      const isCovered =
        entries.findLast((one) => isWithin(path, one.path)) !== entry ||
        below.some((other) => other.point !== point && isWithin(point, other.point));
      if (isCovered || masks.has(path)) continue;
      // protects: G17 a name that is not UTF-8 leaves no file system of the kernel uncovered (as root)
      requireText(point, type);
      onNotice(`"${printable(point)}" is hidden: it is a ${type} file system of the host`);
      masks.set(path, { kind: 'mask', path, directory: hostFiles.kind(point) === 'directory' });
    }
    return [...masks.values()];
  });
}

/** What is read as text has U+FFFD in place of other bytes. */
function requireText(point: string, type: string): void {
  if (!point.includes('\uFFFD')) return;
  const message = `Cannot hide the ${type} file system of the host at "${printable(point)}": its path is not UTF-8`;
  throw new PosternError('not_allowed', message, { fix: 'unmount it, or rename what holds it' });
}

/** The uid and gid of a plugin inside its sandbox, where root starts postern. */
export const INNER_ID = 1000;
