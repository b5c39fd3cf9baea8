// Computes the id map of a mount whose owner's files the plugin sees as its own. Pure.

/** `count` ids from `first` on. */
export interface IdExtent {
  readonly first: number;
  readonly count: number;
}

/** The ids of this process's user namespace, from the text of /proc/self/uid_map or gid_map, user_namespaces(7). */
export function parseIdExtents(text: string): readonly IdExtent[] {
  return text.split('\n').flatMap((line) => {
    const [first, , count] = line.trim().split(/\s+/).map(Number);
    return first === undefined || count === undefined || Number.isNaN(count) ? [] : [{ first, count }];
  });
}

/**
 * The owner's files show as the plugin's, and files that the plugin makes belong to the owner. Every other id stays as it is, so
 * that other files keep their permissions. Files with the plugin's own id, which a former run may have left, show as nobody's.
 *
 * @param extents the ids of this process's user namespace
 * @returns the text of a uid_map or gid_map; undefined where the owner has the plugin's id already, and no map is needed
 */
export function ownerMap(extents: readonly IdExtent[], owner: number, plugin: number): string | undefined {
  if (owner === plugin) return undefined;
  const holes = [owner, plugin].sort((a, b) => a - b);
  const kept = extents.flatMap((extent) => without(extent, holes));
  const lines = kept.map(({ first, count }) => `${first} ${first} ${count}`);
  return [...lines, `${owner} ${plugin} 1`, ''].join('\n');
}

/** @param holes in ascending order */
function without({ first, count }: IdExtent, holes: readonly number[]): IdExtent[] {
  const parts: IdExtent[] = [];
  const end = first + count;
  let next = first;
  for (const hole of holes) {
    if (hole < next || hole >= end) continue;
    if (hole > next) parts.push({ first: next, count: hole - next });
    next = hole + 1;
  }
  if (next < end) parts.push({ first: next, count: end - next });
  return parts;
}
