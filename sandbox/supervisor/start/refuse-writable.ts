// Looks through everything that a plugin would write, before anything of it is started. Runs in the supervisor; `check` asks it too.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { PosternError } from '../../../shared/errors.js';
import type { RootEntry } from '../../launch/spec.js';
import { hostFiles } from '../files/host-files.js';
import { OwnLinks } from '../files/own-links.js';
import { refusePrivilegedFiles } from '../files/privileged-files.js';

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
  for (const entry of entries) {
    if (
      entry.kind !== 'bind' ||
      entry.asOwner === undefined ||
      !entry.writable ||
      entry.ownerOf !== undefined
    )
      continue;
    // A home that the start has yet to make.
    if (hostFiles.kind(entry.source) === 'absent') continue;
    try {
      await refusePrivilegedFiles(entry.source, ownLinks);
    } catch (error) {
      if (!(error instanceof PosternError)) throw error;
      const { code, message, fix } = error;
      const path = writable.find((one) => hostFiles.real(one) === entry.source);
      const fields = path === undefined ? { key: 'home' } : { key: 'filesystem.writable', path };
      refuse(new PosternError(code, message, { fix, fields, cause: error }));
    }
  }
}
