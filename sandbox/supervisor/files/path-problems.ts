// Finds paths of plugins that lead through a folder that a plugin may write. A plugin could put something else there, and a later start would show
// or hide that: of this plugin or of another. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { HostFiles } from './host-files.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';

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
  const written = plugins.flatMap(({ name, writable }) =>
    writable.map((path): Written => ({ writer: name, path, real: host.real(path) ?? path })),
  );
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

/** A folder that a plugin may write. */
interface Written {
  readonly writer: string;
  readonly path: string;
  readonly real: string;
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
    const link =
      /* protects: G14 a path through a link of the plugin is refused (as root) => [].find(({ place }) => host.kind(place) === 'link')?.place */ inside.find(
        ({ place }) => host.kind(place) === 'link',
      )?.place;
    // A mount shows the plugin's folder at this path too. What lies there is not pinned in the folder.
    const other = inside.find(({ place }) => !isWithin(place, real));
    const inFolder = inside.at(-1)?.all.find((one) => isWithin(one, real));
    const own = writer === plugin.name;
    // Within its own folder a plugin's paths are pinned: only a link leads elsewhere. A program behind such a link does not show.
    if (
      own
        ? (link ?? other) === undefined || verb === RUNS
        : /* protects: G14 a path through what another plugin may write is refused (as root) => true */ inside.length ===
          0
    )
      continue;
    const through =
      own && link !== undefined ? `through the link "${link}" in "${folder}"` : `through "${folder}"`;
    const who = own ? 'the plugin' : `the plugin "${writer}"`;
    return {
      plugin: plugin.name,
      key,
      message: `"${path}", which the plugin ${verb}, leads ${through}, which ${who} may write: it could put something else there`,
      // protects: G14 supervisor: where a link of a plugin leads is no advice => fix: String(host.real(path))
      fix: fixOf(own, link, inFolder ?? path, verb),
    };
  }
  return undefined;
}

/** A link may be the plugin's. So its target is no advice: the user would show or make writable what the plugin chose. */
function fixOf(own: boolean, link: string | undefined, inFolder: string, verb: string): string {
  if (own)
    return link === undefined
      ? `write "${inFolder}"`
      : 'look at that link: if it is yours, name what it leads to instead';
  return verb === RUNS
    ? 'keep it outside of that folder'
    : 'keep it outside, or let both write the same folder';
}

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
