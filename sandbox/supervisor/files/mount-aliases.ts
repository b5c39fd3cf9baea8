// Finds the other paths of a file whose file system is mounted more than once: a file that is hidden at one path must be hidden
// at all of them. So must a file of a file system that is mounted below it. A pure function of the text of /proc/self/mountinfo, proc(5).
import { isWithin, moved } from './path-within.js';

export interface Mount {
  readonly device: string;
  /** The path within the file system that is mounted at `point`. */
  readonly root: string;
  readonly point: string;
  readonly type: string;
}

/** @param path without a link in it @returns other paths of the file, and of the file systems that are mounted below it */
export function mountAliases(path: string, mountinfo: string): readonly string[] {
  const mounts = parseMounts(mountinfo);
  const below = mounts
    .filter(({ point }) => point !== path && isWithin(point, path))
    .flatMap(({ point }) => aliasesOf(point, mounts))
    // A folder that is mounted within itself does not hide itself.
    .filter((alias) => !isWithin(path, alias));
  const aliases =
    /* protects: G14 what is mounted below a path counts too => aliasesOf(path, mounts) */ /* protects: G14 what is mounted below a hidden folder is hidden elsewhere too (as root) => aliasesOf(path, mounts) */ [
      ...aliasesOf(path, mounts),
      ...below,
    ];
  return [...new Set(aliases)].filter((one) => !isWithin(one, path));
}

function aliasesOf(path: string, mounts: readonly Mount[]): string[] {
  const own = mountOf(path, mounts);
  if (own === undefined) return [];
  const inside = moved(path, own.point, own.root);
  return mounts
    .filter((mount) => mount !== own && mount.device === own.device)
    .flatMap((mount) => {
      // The other mount shows a folder that holds it, or something below it.
      if (isWithin(inside, mount.root)) {
        const alias = moved(inside, mount.root, mount.point);
        return mountOf(alias, mounts) === mount ? [alias] : [];
      }
      return isWithin(mount.root, inside) && mountOf(mount.point, mounts) === mount ? [mount.point] : [];
    });
}

/** The innermost mount that holds the path; of several at one place, the topmost. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found;
}

/** A start asks about many paths, while no mount changes. */
let last: { readonly text: string; readonly mounts: readonly Mount[] } | undefined;

/** @param mountinfo the text of /proc/self/mountinfo */
export function parseMounts(mountinfo: string): readonly Mount[] {
  if (last?.text !== mountinfo) last = { text: mountinfo, mounts: mountinfo.split('\n').flatMap(parseMount) };
  return last.mounts;
}

function parseMount(line: string): Mount[] {
  const [, , device, root, point] = line.split(' ');
  if (device === undefined || root === undefined || point === undefined) return [];
  const [type = 'unknown'] = line.split(' - ')[1]?.split(' ') ?? [];
  return [{ device, root: plain(root), point: plain(point), type }];
}

/** The kernel writes blanks and backslashes in octal. */
function plain(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
