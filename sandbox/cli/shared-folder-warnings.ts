// Warnings of `check` about a folder that one plugin writes and another one writes or sees. What lies there is no secret between them.
import type { Config, LoadedPlugin, PathList } from '../../shared/config/load-config.js';
import type { HostFiles } from '../supervisor/files/host-files.js';
import {
  type PlannedPlugin,
  type SharedTree,
  type ShownTree,
  sharedTrees,
} from '../supervisor/root/shared-trees.js';
import type { CheckWarning } from './check-warning.js';

/** Where the file names what a plugin sees, and how. */
interface Named {
  readonly path: string;
  readonly place: string | undefined;
  readonly does: string;
  readonly fix: string;
}

/** A folder within what another plugin writes is no warning: it is refused (`path_not_apart`). So is a home that two plugins name: see home-warnings.ts. */
export function sharedFolderWarnings(
  config: Config,
  plans: readonly PlannedPlugin[],
  host: HostFiles,
): readonly CheckWarning[] {
  const pluginOf = (name: string): LoadedPlugin | undefined =>
    config.plugins.find((plugin) => plugin.config.name === name);
  return sharedTrees(plans, host).flatMap((shared) => {
    const [one, other] = [pluginOf(shared.plugin), pluginOf(shared.writer)];
    if (one === undefined || other === undefined) return [];
    if (shared.tree.isHome && shared.written.isHome && one.config.home === other.config.home) return [];
    const named = nameOf(one, shared.tree, config, host);
    const place = named.place ?? config.placeOf(['plugins', shared.plugin]) ?? '';
    const { path } = nameOf(other, shared.written, config, host);
    return [{ plugin: shared.plugin, place, message: describe(shared, named, path) }];
  });
}

function nameOf({ config }: LoadedPlugin, tree: ShownTree, file: Config, host: HostFiles): Named {
  const { name, cwd, home } = config;
  const isHere = (path: string): boolean => (host.real(path) ?? path) === tree.source;
  const fix = 'give each plugin a folder that no other plugin names';
  const does = `which this plugin may ${tree.writable ? 'write' : 'read'}`;
  if (tree.isHome && home !== undefined)
    return {
      path: home,
      place: file.placeOf(['plugins', name, 'home']),
      does: "this plugin's home",
      fix: 'give each plugin a home that no other plugin names',
    };
  const list: PathList = tree.writable ? 'writable' : 'visible';
  const listed = config[list].find(isHere);
  if (listed !== undefined) return { path: listed, place: file.placeOfPath(name, list, listed), does, fix };
  if (tree.isNamed || !isHere(cwd)) return { path: tree.source, place: undefined, does, fix };
  return {
    path: cwd,
    place: file.placeOf(file.keyOf(name, ['cwd'])),
    does: 'where this plugin starts',
    fix: 'start this plugin in a folder (cwd) that no other plugin writes',
  };
}

function describe({ tree, writer }: SharedTree, { path, does, fix }: Named, written: string): string {
  const passes = tree.writable
    ? 'they can pass each other files there'
    : 'it can pass this plugin files there';
  const folder = path === written ? `"${path}"` : `"${written}", in "${path}"`;
  return `The plugin "${writer}" may write ${folder}, ${does}: ${passes}; ${fix}`;
}
