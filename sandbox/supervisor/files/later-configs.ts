// The files that a later `up`, in a folder that a plugin may write, would obey: its postern.yaml and the presets. They are postern's own for this
// start too. A name that is not there yet cannot be covered, so a start notes it, and looks again at its end.
import { join } from 'node:path';
import { loadConfig } from '../../../shared/config/load-config.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { DEFAULT_CONFIG } from '../../../shared/own-files.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';

type PluginPaths = Pick<PluginConfig, 'writable'>;

/** @returns absolute paths. A file that does not parse has no presets */
export function laterConfigs(plugins: readonly PluginPaths[], host: HostFiles): readonly string[] {
  return configPlaces(plugins, host)
    .filter((path) => host.kind(path) !== 'absent')
    .flatMap((path) => [path, ...presetsOf(path)]);
}

/** @returns the paths where no file is yet, and a plugin could make one */
export function missingConfigs(plugins: readonly PluginPaths[], host: HostFiles): readonly string[] {
  return configPlaces(plugins, host).filter((path) => host.kind(path) === 'absent');
}

/** At the top of each writable folder, and in postern's own working directory if a plugin may write there. */
function configPlaces(plugins: readonly PluginPaths[], host: HostFiles): readonly string[] {
  const real = (path: string): string => host.real(path) ?? path;
  const writable = [...new Set(plugins.flatMap((plugin) => plugin.writable.map(real)))];
  const working = [process.cwd()].filter((cwd) => writable.some((folder) => isWithin(cwd, folder)));
  const folders = [...writable, ...working].filter((path) => host.kind(path) === 'directory');
  return [...new Set(folders.map((folder) => join(folder, DEFAULT_CONFIG)))];
}

function presetsOf(path: string): readonly string[] {
  try {
    return loadConfig(path).files.filter((file) => file !== path);
  } catch {
    return []; // `up` refuses it as well.
  }
}
