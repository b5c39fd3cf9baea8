// Finds the trees by which plugins can reach each other's files: one plugin may write what another one writes or sees. It compares what the
// plans of their roots show, so it knows links, working directories, homes, hidden paths and bind mounts. Pure.
import type { RootEntry } from '../../launch/spec.js';
import { type HostFiles, isWithin, moved } from '../files/host-files.js';
import type { RootPlan } from './plan-root.js';
import { PLUGIN_HOME } from './system-files.js';

export interface PlannedPlugin {
  readonly name: string;
  readonly entries: readonly RootEntry[];
  /** What its `visible` and `writable` name, without links. A plan drops what an outer entry shows anyway. */
  readonly named: readonly string[];
}

/** What a plugin finds at a path inside. */
export interface ShownTree {
  readonly path: string;
  /** The path on the host, without links. */
  readonly source: string;
  readonly writable: boolean;
  readonly isHome: boolean;
  readonly isNamed: boolean;
}

export interface SharedTree {
  /** The plugin that finds there what another one writes. */
  readonly plugin: string;
  readonly tree: ShownTree;
  readonly writer: string;
  readonly written: ShownTree;
}

/**
 * A tree that a plugin only sees by itself (the system, the command's own folder, the working directory) counts where the other plugin may write
 * all of it. A tree that it names counts also where the other one may write a part.
 *
 * @returns at most one for each tree; of two plugins that write the same, the later one has it
 */
export function sharedTrees(
  plans: readonly PlannedPlugin[],
  host: Pick<HostFiles, 'aliases'>,
): readonly SharedTree[] {
  const shown = plans.map((plan, index) => ({ ...plan, index, trees: treesOf(plan) }));
  const all = shown.flatMap(({ name, index, entries, trees }) =>
    trees
      .filter(({ writable }) => writable)
      .map((written): Written => {
        const places = [
          written.source,
          /* protects: G14 a bind mount of a folder by which plugins can reach each other is told */ ...host.aliases(
            written.source,
          ),
        ];
        return { writer: name, index, written, entries, places };
      }),
  );
  return shown.flatMap(({ name, index, entries, trees }) =>
    trees.flatMap((tree): SharedTree[] => {
      const found = all.find(
        (one) => one.writer !== name && (!tree.writable || one.index < index) && isShared(one, tree, entries),
      );
      return found === undefined
        ? []
        : [{ plugin: name, tree, writer: found.writer, written: found.written }];
    }),
  );
}

/** A tree that a plugin may write. */
interface Written {
  readonly writer: string;
  /** The writer's place in the order of plugins, and its whole plan. */
  readonly index: number;
  readonly entries: readonly RootEntry[];
  readonly written: ShownTree;
  /** The paths of its source on the host: bind mounts show it at several. */
  readonly places: readonly string[];
}

/** Without devices, and without the entries that only hold a tree together. */
function treesOf({ entries, named }: PlannedPlugin): readonly ShownTree[] {
  const all = entries.filter((entry): entry is Tree => entry.kind === 'bind' && entry.device !== true);
  const isPart = ({ source }: Tree): boolean =>
    all.some((one) => one.writable && one.source !== source && isWithin(source, one.source));
  const binds = all.filter((tree) => !isPart(tree));
  const ofNames = [...new Set(named)].flatMap((source): ShownTree[] => {
    const holder = binds.findLast((bind) => isWithin(source, bind.source));
    if (holder === undefined) return [];
    const path = moved(source, holder.source, holder.path);
    const seen = entryAt(path, entries);
    return seen?.kind === 'bind'
      ? [{ path, source, writable: seen.writable, isHome: false, isNamed: true }]
      : [];
  });
  const others = binds
    .filter(({ source, path }) => path === PLUGIN_HOME || !named.includes(source))
    .map(({ path, source, writable }) => ({
      ...{ path, source, writable },
      isHome: path === PLUGIN_HOME,
      isNamed: false,
    }));
  return [...ofNames, ...others];
}

function isShared(
  { written, entries, places }: Written,
  tree: ShownTree,
  seen: readonly RootEntry[],
): boolean {
  return places.some((place) => {
    if (isWithin(tree.source, place)) {
      const ofWriter = entryAt(moved(tree.source, place, written.path), entries);
      return ofWriter?.kind === 'bind' && ofWriter.writable && entryAt(tree.path, seen)?.kind === 'bind';
    }
    return (
      tree.isNamed &&
      isWithin(place, tree.source) &&
      entryAt(moved(place, tree.source, tree.path), seen)?.kind === 'bind'
    );
  });
}

/** The entry that shows at a path inside: the last one counts. */
function entryAt(path: string, entries: readonly RootEntry[]): RootEntry | undefined {
  return entries.findLast((entry) => isWithin(path, entry.path));
}

// Which read-only trees of a plan only their mounts protect: a program can write into a pipe (fifo(7)) on a read-only mount. Landlock keeps it
// from that, but works by path: it allows all below a place that the plugin may write. Pure.

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
