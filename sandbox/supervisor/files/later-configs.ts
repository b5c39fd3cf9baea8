// The files that a later `up`, in a folder that a plugin may write, would obey: its postern.yaml and the presets. They are postern's own for this
// start too. A name that is not there yet cannot be covered, so a start notes it, and looks again at its end.
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { readConfigText } from '../../../shared/config/config-text.js';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { YamlSource } from '../../../shared/config/yaml-source.js';
import { DEFAULT_CONFIG } from '../../../shared/own-files.js';
import { type HostFiles, isWithin } from './host-files.js';
import type { StartProblem } from './path-problems.js';

type PluginPaths = Pick<PluginConfig, 'writable'>;

/** A plugin may have written such a file. To parse a large one, or to look for many presets, could take minutes. */
const MOST_BYTES = 32_768;
const MOST_PRESETS = 100;

/** @param known files that postern has read, and whose presets it knows @returns absolute paths. A file that does not parse has no presets */
export function laterConfigs(
  plugins: readonly PluginPaths[],
  known: readonly string[],
  host: HostFiles,
): readonly string[] {
  return configPlaces(plugins, host)
    .filter((path) => host.kind(path) !== 'absent')
    .flatMap((path) => [path, ...(known.includes(path) ? [] : (presetsOf(path) ?? []))]);
}

/** @param known as of {@link laterConfigs} @returns what refuses a start: such files whose presets cannot be protected */
export function laterConfigProblems(
  plugins: readonly (PluginPaths & Pick<PluginConfig, 'name'>)[],
  known: readonly string[],
  host: HostFiles,
): readonly StartProblem[] {
  return plugins.flatMap((plugin) => {
    const path = configPlaces([plugin], host).find(
      (place) => !known.includes(place) && presetsOf(place) === undefined,
    );
    if (path === undefined) return [];
    return {
      code: 'path_not_apart',
      plugin: plugin.name,
      key: ['filesystem', 'writable'],
      intro: `Cannot start "${plugin.name}"`,
      message: `"${path}", in a folder that the plugin may write, has more than ${MOST_BYTES / 1024} KiB or ${MOST_PRESETS} presets: postern does not look through it for files to protect`,
      fix: 'see who wrote it; if it is yours, keep it outside of that folder',
    };
  });
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

/**
 * The presets themselves are not read: a plugin chooses how many there are.
 *
 * @returns undefined if the file is too large, or names too many
 */
function presetsOf(path: string): readonly string[] | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  // protects: G8 a large postern.yaml that a plugin left is not parsed
  if (stats?.isFile() === true && stats.size > MOST_BYTES) return undefined;
  try {
    const source = new YamlSource(path, readConfigText(path, ''));
    const names = source.keysAt(['plugins']) ?? [];
    const presets = [['defaults'], ...names.map((name) => ['plugins', name])]
      .flatMap((parent) => source.textsAt([...parent, 'presets']))
      .map(({ text }) => resolve(dirname(path), text));
    return /* protects: G8 many presets of a postern.yaml that a plugin left are not looked for => false */ presets.length >
      MOST_PRESETS
      ? undefined
      : presets.filter((preset) => existsSync(preset));
  } catch {
    return []; // `up` refuses it as well.
  }
}
