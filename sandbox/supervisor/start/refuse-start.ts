// Refuses a start whose plugin would hold or write what is postern's own. Runs in the supervisor.

import { lstatSync } from 'node:fs';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import { printable } from '../../../shared/printable.js';
import type { RootEntry } from '../../launch/spec.js';
import { hostFiles, isWithin, kernelMounts, mountAliases, readMounts } from '../files/host-files.js';
import type { Written } from '../files/plugin-links.js';
import { OwnLinks, refusePrivilegedFiles } from '../files/privileged-files.js';
import { showsFile } from '../root/shown-paths.js';

// Refuses a plugin that would see a named pipe of postern's own, such as a pipe for the audit log. Shown read-only, a pipe can still be read, and
// what the plugin reads there nobody else gets. Runs in the supervisor; `check` asks it too.

/**
 * @param entries the plan of the plugin's root
 * @param ownFiles postern's own files and folders
 * @param refuse takes `path_not_apart`. It may throw
 */
export function refuseOwnPipes(
  entries: readonly RootEntry[],
  ownFiles: readonly string[],
  refuse: (error: PosternError) => void,
): void {
  for (const path of ownFiles) {
    const real = hostFiles.real(path);
    if (
      /* protects: G14 no plugin sees the pipe of the audit log => true */ real === undefined ||
      !isPipe(real)
    )
      continue;
    if (![real, ...hostFiles.aliases(real)].some((one) => showsFile(entries, one))) continue;
    refuse(
      new PosternError(
        'path_not_apart',
        `The plugin would see "${printable(path)}", a pipe of postern's own: it could read it empty`,
        { fix: 'put the pipe into a folder that the plugin does not see' },
      ),
    );
  }
}

// Refuses a plugin that would see a file system of the kernel where a plugin could move it: what covers it goes to its path. A plugin that runs could
// rename the folder above during another one's start, and each plugin before its own. Runs in the supervisor; `check` asks it too.

/**
 * @param entries the plan of the plugin's root
 * @param written what any plugin may write
 * @throws PosternError `not_allowed`
 */
export function refuseMovableMounts(entries: readonly RootEntry[], written: readonly Written[]): void {
  const mountinfo = readMounts();
  const mounts = kernelMounts(mountinfo);
  for (const { writer, path, real } of written) {
    const places = [real, ...mountAliases(real, mountinfo)];
    const found = mounts.find(({ point }) => places.some((place) => isWithin(point, place)));
    if (
      /* protects: G17 a file system of the kernel in what a plugin may write is refused (as root) => true */ found ===
      undefined
    )
      continue;
    // What lies in a part of the folder now may lie in another one when the mounts are copied.
    const isShown = entries.some(
      (entry) =>
        entry.kind === 'bind' &&
        places.some((place) => isWithin(entry.source, place) || isWithin(place, entry.source)),
    );
    if (!isShown) continue;
    const point = printable(found.point);
    throw new PosternError(
      'not_allowed',
      `A ${found.type} file system of the host is mounted at "${point}" in "${printable(path)}", which the plugin "${writer}" may write: it could move it to where nothing hides it`,
      { fix: 'unmount it, or write a folder that does not hold it' },
    );
  }
}

function isPipe(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFIFO() === true;
}

// Looks through everything that a plugin would write, before anything of it is started. Runs in the supervisor; `check` asks it too.

/**
 * @param entries the plan of the plugin's root
 * @param ownFiles postern's own files and folders
 * @param refuse takes `privileged_file` or `path_not_apart`, at most one for each writable path, with the fields `key` and `path`. It may throw
 */
export async function refuseWritable(
  { writable }: Pick<PluginConfig, 'writable'>,
  entries: readonly RootEntry[],
  ownFiles: readonly string[],
  refuse: (error: PosternError) => void,
): Promise<void> {
  const ownLinks = new OwnLinks(ownFiles, hostFiles);
  const sources = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'bind' && entry.writable && entry.asOwner !== undefined ? entry.source : [],
    ),
  );
  for (const source of sources) {
    // A part of another one, or a home that the start has yet to make.
    if ([...sources].some((one) => one !== source && isWithin(source, one))) continue;
    if (hostFiles.kind(source) === 'absent') continue;
    try {
      await refusePrivilegedFiles(source, ownLinks);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      const { code, message, fix } = error;
      const path = writable.find((one) => hostFiles.real(one) === source);
      const fields = path === undefined ? { key: 'home' } : { key: 'filesystem.writable', path };
      refuse(new PosternError(code, message, { fix, fields, cause: error }));
    }
  }
}
