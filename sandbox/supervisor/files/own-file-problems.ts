// Finds what a plugin may write, where it could change what the next start of postern runs or reads. An own file is every place on the way
// to it: the plugin could replace a link, or put a file where postern looks first. plan-root.ts covers the files themselves, except what the program of
// `ask.hook` loads. Pure.
import { dirname } from 'node:path';
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
  const { hook = [], folders = [] } = own;
  // In a folder that is covered as a whole, the way to a file is that to the folder.
  const elsewhere = own.files.filter((file) => !folders.includes(dirname(file)));
  const ways = waysTo({ hook, file: elsewhere, folder: folders, searched: own.searched }, host);
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

/** `searched`: nothing is there, and nothing must come there. */
type Kind = 'hook' | 'file' | 'folder' | 'searched';
/** What is there, and the fix for who would write there. */
const KINDS: Readonly<Record<Kind, Readonly<{ what: string; fix: string }>>> = {
  hook: {
    what: 'belongs to the program of ask.hook, which runs outside of every sandbox',
    fix: 'keep the hook in a folder of its own, in which no plugin writes',
  },
  file: {
    what: "is postern's own",
    fix: 'name another path, or keep the file of postern elsewhere',
  },
  folder: { what: 'holds programs or libraries that postern runs', fix: 'name another path' },
  searched: {
    what: 'is where postern looks for its own file',
    fix: 'make another folder writable, or take the folder out of PATH',
  },
};

/** The way to an own file. Each place stands with its other paths, where its file system is mounted more than once. */
interface Way {
  readonly path: string;
  readonly kind: Kind;
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

function waysTo(own: Readonly<Record<Kind, readonly string[]>>, host: HostFiles): readonly Way[] {
  const known = new Map<string, readonly string[]>();
  const allPaths = (path: string): readonly string[] => {
    const all = known.get(path) ?? [
      path,
      /* protects: G14 supervisor: a bind mount of the folder counts too */ ...host.aliases(path),
    ];
    known.set(path, all);
    return all;
  };
  const wayTo = (path: string, kind: Kind): Way => {
    const passed = placesPassed(path, host);
    const real = kind === 'searched' ? undefined : host.real(path);
    return {
      path,
      kind,
      places: passed.map((place, index) => ({
        path: place,
        all: allPaths(place),
        isBare:
          /* protects: G14 a link on the way to postern's own file is refused */ host.kind(place) ===
            'link' ||
          (kind === 'searched' && index === passed.length - 1),
      })),
      real: real === undefined ? [] : allPaths(real),
    };
  };
  return (['hook', 'file', 'folder', 'searched'] as const).flatMap((kind) =>
    [...new Set(own[kind])].map((path) => wayTo(path, kind)),
  );
}

function ofWritable(path: string, ways: readonly Way[], host: HostFiles): Problem | undefined {
  const real = host.real(path) ?? path;
  const problem = liesInOwn(path, real, ways) ?? holdsHook(path, real, ways);
  if (problem !== undefined) return problem;
  const covered = ways.flatMap((way) => (way.kind === 'hook' ? [] : way.real));
  for (const way of ways) {
    for (const { path: place, all, isBare } of way.places) {
      // Within an own folder the plugin writes nothing.
      const isOpen = all.some(
        (one) => isWithin(one, real) && !covered.some((own) => one !== own && isWithin(one, own)),
      );
      if (!isBare || !isOpen) continue;
      if (way.kind === 'searched') return couldPut(way.path, path);
      return {
        message: `"${way.path}" ${KINDS[way.kind].what} and leads through the link "${place}" in "${path}", which the plugin may write: it could put something else there`,
        fix: 'keep the link outside of that folder, or make another folder writable',
      };
    }
  }
  return undefined;
}

/** Nothing is covered in a home. */
function ofHome(path: string, ways: readonly Way[], host: HostFiles): Problem | undefined {
  const real = host.real(path) ?? path;
  const problem = liesInOwn(path, real, ways) ?? holdsHook(path, real, ways);
  if (problem !== undefined) return problem;
  const way = ways.find(({ places }) =>
    places.some(({ all }) => all.some((one) => one !== real && isWithin(one, real))),
  );
  if (way === undefined) return undefined;
  if (way.kind === 'searched') return couldPut(way.path, path);
  return {
    message: `"${way.path}" ${KINDS[way.kind].what} and lies in the home "${path}", which the plugin would write`,
    fix: 'name a folder that is for this plugin alone, or keep the file of postern elsewhere',
  };
}

function liesInOwn(path: string, real: string, ways: readonly Way[]): Problem | undefined {
  const way = ways.find((one) => one.real.some((own) => isWithin(real, own)));
  if (
    /* protects: G14 supervisor: a writable path that is postern's own is refused => true */ way === undefined
  )
    return undefined;
  const { what, fix } = KINDS[way.kind];
  const where = way.real.includes(real) ? '' : `lies in "${way.path}", which `;
  return { message: `"${path}" ${where}${what}, and the plugin would write it`, fix };
}

/** Whatever lies beside or above the hook, a program could search it. So nothing of it is covered: all must lie elsewhere. */
function holdsHook(path: string, real: string, ways: readonly Way[]): Problem | undefined {
  const way = ways.find(
    ({ kind, places }) =>
      kind === 'hook' &&
      // A folder on the way is within the path only if what it leads to is. At another mount it may show other things alone.
      places.some(
        ({ isBare, all }, index) =>
          (isBare || index === places.length - 1) && all.some((one) => isWithin(one, real)),
      ),
  );
  if (/* protects: G20 ask: a hook below what a plugin may write is refused => true */ way === undefined)
    return undefined;
  return {
    message: `"${way.path}" ${KINDS.hook.what}, and leads through "${path}", which the plugin may write: it could put other code there`,
    fix: KINDS.hook.fix,
  };
}

function couldPut(searched: string, path: string): Problem {
  return {
    message: `postern looks for its own file at "${searched}", and the plugin may write "${path}": it could put one there`,
    fix: KINDS.searched.fix,
  };
}
