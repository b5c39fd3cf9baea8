// Finds what a plugin may write, where it could change what the next start of postern runs or reads. An own file is every place on the way
// to it: the plugin could replace a link, or put a file where postern looks first. plan-root.ts covers the files themselves. Pure.
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import type { OwnFiles } from '../../host/own-files.js';
import type { HostFiles } from './host-files.js';
import type { PathProblem } from './path-problems.js';
import { isWithin } from './path-within.js';
import { placesPassed } from './places-passed.js';

type PluginPaths = Pick<PluginConfig, 'name' | 'writable' | 'home'>;
type Problem = Pick<PathProblem, 'message' | 'fix'>;

/** @returns at most one problem for each path */
export function ownFileProblems(
  plugins: readonly PluginPaths[],
  own: OwnFiles,
  host: HostFiles,
): readonly PathProblem[] {
  if (plugins.every(({ writable, home }) => writable.length === 0 && home === undefined)) return [];
  const ways = [...waysTo(own.files, false, host), ...waysTo(own.searched, true, host)];
  return plugins.flatMap(({ name, writable, home }) => [
    ...writable.flatMap((path): PathProblem[] => {
      const problem = ofWritable(path, ways, host);
      return problem === undefined ? [] : [{ plugin: name, key: ['filesystem', 'writable'], ...problem }];
    }),
    // protects: G14 a home with postern's own files is refused
    ...(home === undefined ? [] : [home]).flatMap((path): PathProblem[] => {
      const problem = ofHome(path, ways, host);
      return problem === undefined ? [] : [{ plugin: name, key: ['home'], ...problem }];
    }),
  ]);
}

/** The way to an own file. Each place stands with its other paths, where its file system is mounted more than once. */
interface Way {
  readonly path: string;
  /** Nothing is there, and nothing must come there. */
  readonly isSearched: boolean;
  readonly places: readonly Place[];
  /** Where the file is; none where it is searched or absent. */
  readonly real: readonly string[];
}

interface Place {
  readonly path: string;
  readonly all: readonly string[];
  /** A mount cannot cover it. */
  readonly isBare: boolean;
}

function waysTo(paths: readonly string[], isSearched: boolean, host: HostFiles): Way[] {
  const known = new Map<string, readonly string[]>();
  const allPaths = (path: string): readonly string[] => {
    const all = known.get(path) ?? [
      path,
      /* protects: G14 supervisor: a bind mount of the folder counts too */ ...host.aliases(path),
    ];
    known.set(path, all);
    return all;
  };
  return [...new Set(paths)].map((path) => {
    const passed = placesPassed(path, host);
    const real = isSearched ? undefined : host.real(path);
    return {
      path,
      isSearched,
      places: passed.map((place, index) => ({
        path: place,
        all: allPaths(place),
        isBare:
          /* protects: G14 a link on the way to postern's own file is refused */ host.kind(place) ===
            'link' ||
          (isSearched && index === passed.length - 1),
      })),
      real: real === undefined ? [] : allPaths(real),
    };
  });
}

const ELSEWHERE = 'name another path, or keep the file of postern elsewhere';

function ofWritable(path: string, ways: readonly Way[], host: HostFiles): Problem | undefined {
  const real = host.real(path) ?? path;
  const covered = ways.flatMap((way) => way.real);
  const problem = liesInOwn(path, real, covered);
  if (problem !== undefined) return problem;
  for (const way of ways) {
    for (const { path: place, all, isBare } of way.places) {
      // Within an own folder the plugin writes nothing.
      const isOpen = all.some(
        (one) => isWithin(one, real) && !covered.some((own) => one !== own && isWithin(one, own)),
      );
      if (!isBare || !isOpen) continue;
      if (way.isSearched) return couldPut(way.path, path);
      return {
        message: `"${way.path}" is postern's own and leads through the link "${place}" in "${path}", which the plugin may write: it could put something else there`,
        fix: 'keep the link outside of that folder, or make another folder writable',
      };
    }
  }
  return undefined;
}

/** Nothing is covered in a home. */
function ofHome(path: string, ways: readonly Way[], host: HostFiles): Problem | undefined {
  const real = host.real(path) ?? path;
  const covered = ways.flatMap((way) => way.real);
  const problem = liesInOwn(path, real, covered);
  if (problem !== undefined) return problem;
  const way = ways.find(({ places }) =>
    places.some(({ all }) => all.some((one) => one !== real && isWithin(one, real))),
  );
  if (way === undefined) return undefined;
  if (way.isSearched) return couldPut(way.path, path);
  return {
    message: `"${way.path}" is postern's own and lies in the home "${path}", which the plugin would write`,
    fix: 'name a folder that is for this plugin alone, or keep the file of postern elsewhere',
  };
}

function liesInOwn(path: string, real: string, covered: readonly string[]): Problem | undefined {
  const file = covered.find((one) => isWithin(real, one));
  if (
    /* protects: G14 supervisor: a writable path that is postern's own is refused => true */ file ===
    undefined
  )
    return undefined;
  const where = file === real ? 'is' : `lies in "${file}", which is`;
  return { message: `"${path}" ${where} postern's own, and the plugin would write it`, fix: ELSEWHERE };
}

function couldPut(searched: string, path: string): Problem {
  return {
    message: `postern looks for its own file at "${searched}", and the plugin may write "${path}": it could put one there`,
    fix: 'make another folder writable, or take the folder out of PATH',
  };
}
