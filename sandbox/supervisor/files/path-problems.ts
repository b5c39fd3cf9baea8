// Finds paths of plugins that lead through what a plugin may write. A plugin could put something else there, and a later start would show
// or hide that: of this plugin or of another. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';

type PluginPaths = Pick<PluginConfig, 'name' | 'cwd' | 'visible' | 'writable' | 'hidden'>;

export interface PathProblem {
  readonly plugin: string;
  /** Where the configuration names the path. */
  readonly key: readonly string[];
  readonly message: string;
  readonly fix: string;
}

/** @returns at most one problem for each path */
export function pathProblems(plugins: readonly PluginPaths[], host: HostFiles): readonly PathProblem[] {
  const written = plugins.flatMap(({ name, writable }) =>
    writable.map((path) => ({ writer: name, path, real: host.real(path) ?? path })),
  );
  return plugins.flatMap((plugin) =>
    pathsOf(plugin).flatMap(({ path, key, verb }) => {
      const places = placesPassed(path, host);
      for (const { writer, path: folder, real } of written) {
        const inside = places.filter((place) => place !== real && isWithin(place, real));
        const link = inside.find((place) => host.kind(place) === 'link');
        const own = writer === plugin.name;
        // Within its own folder a plugin's paths are pinned: only a link leads elsewhere.
        if (own ? link === undefined : inside.length === 0) continue;
        const through = own ? `through the link "${link}" in "${folder}"` : `through "${folder}"`;
        const who = own ? 'the plugin' : `the plugin "${writer}"`;
        return {
          plugin: plugin.name,
          key,
          message: `"${path}", which the plugin ${verb}, leads ${through}, which ${who} may write: it could put something else there`,
          fix: own
            ? `write "${host.real(path) ?? path}"`
            : 'keep it outside, or let both write the same folder',
        };
      }
      return [];
    }),
  );
}

function pathsOf(
  plugin: PluginPaths,
): { readonly path: string; readonly key: readonly string[]; readonly verb: string }[] {
  const verbs = { visible: 'sees', writable: 'writes', hidden: 'must not see' } as const;
  const lists = (['visible', 'writable', 'hidden'] as const).flatMap((list) =>
    plugin[list].map((path) => ({ path, key: ['filesystem', list], verb: verbs[list] })),
  );
  return [...lists, { path: plugin.cwd, key: ['cwd'], verb: 'starts in' }];
}
