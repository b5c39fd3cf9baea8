// Finds paths of plugins that lead through a folder that another plugin may write, which could put something else there. Links that the plugin itself
// could have made are refused by require-paths.ts. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';
import { type Written, writtenFolders } from './plugin-links.js';

type PluginPaths = Pick<PluginConfig, 'name' | 'cwd' | 'visible' | 'writable' | 'hidden'>;
/** The files that a plugin's command runs: its program and the interpreters of scripts. */
export type StartedFiles<P> = (plugin: P) => readonly string[];

export interface PathProblem {
  readonly plugin: string;
  /** Where the configuration names the path. */
  readonly key: readonly string[];
  readonly message: string;
  readonly fix: string;
}

/** @returns at most one problem for each path */
export function pathProblems<P extends PluginPaths>(
  plugins: readonly P[],
  host: HostFiles,
  startedFiles: StartedFiles<P>,
): readonly PathProblem[] {
  // Kept homes: see home-problems.ts.
  const written = writtenFolders(plugins, host).filter(({ isHome }) => !isHome);
  if (written.length === 0) return [];
  return plugins.flatMap((plugin) =>
    [
      ...pathsOf(plugin),
      /* protects: G14 no plugin runs a program or interpreter that another plugin may write */ ...startedFiles(
        plugin,
      ).map(toStarted),
    ].flatMap((named) => problemOf(plugin, named, written, host) ?? []),
  );
}

function problemOf(
  plugin: PluginPaths,
  { path, key, verb }: NamedPath,
  written: readonly Written[],
  host: HostFiles,
): PathProblem | undefined {
  const places = placesPassed(path, host).map((place) => ({
    place,
    all: [
      place,
      /* protects: G14 a path below a bind mount of what a plugin may write is refused */ ...host.aliases(
        place,
      ),
    ],
  }));
  for (const { writer, path: folder, real } of written) {
    const inside = places.filter(({ all }) => !all.includes(real) && all.some((one) => isWithin(one, real)));
    // A mount shows the plugin's folder at this path too. What lies there is not pinned in the folder.
    const other = inside.find(({ place }) => !isWithin(place, real));
    const inFolder = inside.at(-1)?.all.find((one) => isWithin(one, real));
    const own = writer === plugin.name;
    // Within its own folder a plugin's paths are pinned. A program behind a link there does not show.
    if (
      own
        ? other === undefined || verb === RUNS
        : /* protects: G14 a path through what another plugin may write is refused (as root) => true */ inside.length ===
          0
    )
      continue;
    const who = own ? 'the plugin' : `the plugin "${writer}"`;
    return {
      plugin: plugin.name,
      key,
      message: `"${path}", which the plugin ${verb}, leads through "${folder}", which ${who} may write: it could put something else there`,
      fix: own ? `write "${inFolder ?? path}"` : FIXES[verb === RUNS ? 'program' : 'path'],
    };
  }
  return undefined;
}

const FIXES = {
  program: 'keep it outside of that folder',
  path: 'keep it outside, or let both write the same folder',
};

interface NamedPath {
  readonly path: string;
  readonly key: readonly string[];
  readonly verb: string;
}

const RUNS = 'runs';

const toStarted = (path: string): NamedPath => ({ path, key: ['command'], verb: RUNS });

function pathsOf(plugin: PluginPaths): NamedPath[] {
  const verbs = { visible: 'sees', writable: 'writes', hidden: 'must not see' } as const;
  const lists = (['visible', 'writable', 'hidden'] as const).flatMap((list) =>
    plugin[list].map((path) => ({ path, key: ['filesystem', list], verb: verbs[list] })),
  );
  return [...lists, { path: plugin.cwd, key: ['cwd'], verb: 'starts in' }];
}
