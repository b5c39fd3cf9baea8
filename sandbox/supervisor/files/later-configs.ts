// The files that a later `up`, in a folder that a plugin may write, would obey: the postern.yaml there. They are read-only for this start. A plugin may
// have written such a file, so nothing opens it, and what it names counts for nothing. A mount covers no missing name and no link.
import { join } from 'node:path';
import { DEFAULT_CONFIG } from '../../../shared/bundles.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type HostFiles, isWithin } from './host-files.js';

/**
 * At the top of each writable folder, and in postern's own working directory if a plugin may write there.
 *
 * @returns paths whose folders have no link. There may be no file
 */
export function laterConfigs(
  plugins: readonly Pick<PluginConfig, 'writable'>[],
  host: HostFiles,
): readonly string[] {
  const real = (path: string): string => host.real(path) ?? path;
  const writable = [...new Set(plugins.flatMap((plugin) => plugin.writable.map(real)))];
  const working = [process.cwd()].filter((cwd) => writable.some((folder) => isWithin(cwd, folder)));
  const folders = [...writable, ...working].filter((path) => host.kind(path) === 'directory');
  return [...new Set(folders.map((folder) => join(folder, DEFAULT_CONFIG)))];
}
