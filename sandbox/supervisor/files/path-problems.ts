// Refuses configurations by which one plugin could change the files, sockets or programs of another, or of postern. Runs in the supervisor,
// before a start.

import { dirname } from 'node:path';
import type { PluginConfig } from '../../../shared/config/plugin-config.js';
import { type ErrorCode, PosternError, type SystemCode } from '../../../shared/errors.js';
import { parseRule } from '../../../shared/policy/parse-rule.js';
import type { OwnFiles } from '../../host/own-files.js';
import {
  type HostFiles,
  hostFiles,
  isWithin,
  readMounts,
  type SandboxMounts,
  writableIn,
} from './host-files.js';
import { allPlaces, placesPassed } from './places-passed.js';
import { asConfigured, type Written, writtenFolders } from './plugin-links.js';

// What a start refuses in a configuration, as a value with its place. A start throws the first, and `check` reports all. Pure.

export interface StartProblem {
  readonly code: ErrorCode | SystemCode;
  readonly plugin: string;
  /** Where the plugin's configuration names what is refused. Empty: in no one place. */
  readonly key: readonly string[];
  /** Which path is meant, where `key` is a list of paths. */
  readonly path?: string | undefined;
  /** What a start says before the message: `check` says the place instead. */
  readonly intro?: string;
  readonly message: string;
  readonly fix: string | undefined;
}

/** The error of a start. Its fields `key` and `path` keep the place, see {@link problemOf}. */
export function refusal({ code, key, path, intro, message, fix }: StartProblem): PosternError {
  const text = intro === undefined ? message : `${intro}: ${message}`;
  return new PosternError(code, text, { fix, fields: { key: key.join('.'), path } });
}

/** The problem behind an error of a start that has a field `key`, as `filesystem.visible`. */
export function problemOf(plugin: string, { code, message, fix, fields }: PosternError): StartProblem {
  const { key, path } = fields;
  return {
    code,
    plugin,
    key: typeof key === 'string' && key !== '' ? key.split('.') : [],
    path: typeof path === 'string' ? path : undefined,
    message,
    fix,
  };
}

// Finds paths of plugins that lead through a folder that another plugin may write, which could put something else there. Links that the plugin itself
// could have made are refused by require-paths.ts. Pure.

type PluginPaths = Pick<PluginConfig, 'name' | 'cwd' | 'visible' | 'writable' | 'hidden'>;
/** The files that a plugin's command runs: its program and the interpreters of scripts. */
type StartedFiles<P> = (plugin: P) => readonly string[];

interface PathProblem {
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
    ].flatMap((named) => pathProblem(plugin, named, written, host) ?? []),
  );
}

/**
 * A plugin that may write its own script chooses what its next start runs. So each start asks, for its own plugin.
 *
 * @param started the files that its command runs
 * @throws PosternError `path_not_apart`
 */
export function requireProgramApart(
  plugin: PluginPaths,
  started: readonly string[],
  written: readonly Written[],
): void {
  const now = written.filter(({ isHome, isFormer }) => !isHome && isFormer !== true);
  for (const path of started) {
    const problem = pathProblem(plugin, toStarted(path), now, hostFiles);
    // protects: G14 no plugin's own script names an interpreter that another plugin may write
    if (problem !== undefined) throw refusal({ ...problem, code: 'path_not_apart' });
  }
}

function pathProblem(
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

// Finds sockets that postern would make where another plugin could put a link: it could lead to any folder of the host. In a folder that the plugin
// alone writes, nothing changes while postern binds: the plugin does not run then, and postern follows no link there, see listeners.ts. Pure.

type PluginListeners = Pick<PluginConfig, 'name' | 'listen' | 'writable' | 'home'>;

/** @returns at most one problem for each listener */
export function listenerProblems(
  plugins: readonly PluginListeners[],
  host: HostFiles,
): readonly PathProblem[] {
  const written = writtenFolders(plugins, host);
  return plugins.flatMap(({ name, listen }) =>
    listen.flatMap(({ address }): readonly PathProblem[] => {
      if (!address.startsWith('/')) return [];
      const places = placesPassed(dirname(address), host);
      for (const place of places) {
        const all = [place, ...host.aliases(place)];
        const through = written.find(
          ({ writer, real }) =>
            writer !== name &&
            /* protects: G14 a listener in a folder that another plugin may write is refused (as root) => false */ all.some(
              (one) => isWithin(one, real),
            ),
        );
        if (through === undefined) continue;
        return [
          {
            plugin: name,
            key: ['listen'],
            message: `"${address}" leads through "${through.path}", which the plugin "${through.writer}" may write: it could lead elsewhere`,
            fix: 'name a folder that no other plugin writes',
          },
        ];
      }
      return [];
    }),
  );
}

// Finds rules for UNIX sockets whose paths lead through a folder that a plugin may write, where it could put another socket or a link to one. And
// rules for a control socket: a plugin that reaches it commands postern. Pure.

type PluginSockets = Pick<PluginConfig, 'name' | 'allow' | 'writable' | 'home'>;

/** @param own control sockets and folders of such @returns at most one problem for each rule */
export function socketProblems(
  plugins: readonly PluginSockets[],
  own: readonly string[],
  host: HostFiles,
): readonly PathProblem[] {
  const real = (path: string): string => host.real(path) ?? path;
  const written = writtenFolders(plugins, host);
  let found: readonly string[] | undefined;
  // Most plugins have no rule for a socket, and each question about aliases reads the mounts.
  const control = (): readonly string[] => {
    found ??= own.flatMap((path) => [path, real(path), ...host.aliases(real(path))]);
    return found;
  };
  return plugins.flatMap(({ name, allow }) =>
    allow.flatMap((rule): readonly PathProblem[] => {
      const target = parseRule(rule, 'allow')?.target;
      if (target?.kind !== 'socket') return [];
      const places = allPlaces(target.path, host);
      // protects: G21 control: no rule leads to the control socket
      if (places.some((place) => control().some((one) => isWithin(place, one))))
        return [
          {
            plugin: name,
            key: ['allow'],
            message: `the rule "${rule}" leads to a control socket of postern: a plugin must not command postern`,
            fix: 'leave the rule out',
          },
        ];
      // Whether the plugin sees the socket says nothing: what hides it goes with a file or folder that the host makes anew.
      const through = written.find(({ real: folder }) =>
        /* protects: G14 a rule for a socket that a plugin could replace is refused (as root) => false */ places.some(
          (place) => isWithin(place, folder),
        ),
      );
      if (through === undefined) return [];
      const who = through.writer === name ? 'the plugin' : `the plugin "${through.writer}"`;
      return [
        {
          plugin: name,
          key: ['allow'],
          message: `the rule "${rule}" leads through "${through.path}", which ${who} may write: it could put another socket there`,
          fix: 'move the socket out of what the plugin writes',
        },
      ];
    }),
  );
}

// Finds files that become postern's own where plugins could write them since postern began. A sandbox protects those that its start knew. And a plugin
// that has ended can have left a descriptor of the file to another one. Pure.

/**
 * @param files paths of the new ones
 * @param written by all plugins until now
 * @returns at most one problem for each, with the code `path_not_apart`
 */
export function newFileProblems(
  files: readonly string[],
  written: readonly Written[],
  host: HostFiles,
): readonly StartProblem[] {
  return files.flatMap((file): readonly StartProblem[] => {
    const places = allPlaces(file, host);
    const through = written.find(({ real }) => places.some((place) => isWithin(place, real)));
    if (through === undefined) return [];
    const { writer, path, isHome } = through;
    return [
      {
        code: 'path_not_apart',
        plugin: writer,
        key: isHome ? ['home'] : ['filesystem', 'writable'],
        path: isHome ? undefined : path,
        message: `"${file}" would be postern's own, but leads through "${path}", which the plugin "${writer}" could write: a plugin may have the file open`,
        fix: 'copy the file to a folder that no plugin writes, and name the copy; or start postern anew',
      },
    ];
  });
}

// Finds what a plugin may write, where it could change what the next start of postern runs or reads. An own file is every place on the way
// to it: the plugin could replace a link, or put a file where postern looks first. plan-root.ts covers the files themselves, except what the program of
// `ask.hook` loads. Pure.

type WritingPlugin = Pick<PluginConfig, 'name' | 'writable' | 'home'>;
type Problem = Pick<PathProblem, 'message' | 'fix'>;

/** @returns at most one problem for each path */
export function ownFileProblems(
  plugins: readonly WritingPlugin[],
  own: OwnFiles,
  host: HostFiles,
): readonly PathProblem[] {
  if (plugins.every(({ writable, home }) => writable.length === 0 && home === undefined)) return [];
  const { hook = [], folders = [] } = own;
  // In a folder that is covered as a whole, the way to a file is that to the folder.
  const elsewhere = own.files.filter((file) => !folders.includes(dirname(file)));
  const ways = waysTo({ hook, file: elsewhere, folder: folders, searched: own.searched }, host);
  // A link that a plugin could have put in the place of its own path is not followed by its start either.
  const named =
    /* protects: G8 a link in the place of a writable path fails its own start alone => host */ asConfigured(
      plugins,
      host,
    );
  return plugins.flatMap(({ name, writable, home }) => [
    ...writable.flatMap((path): PathProblem[] => {
      const problem = ofWritable(path, ways, named);
      return problem === undefined ? [] : [{ plugin: name, key: ['filesystem', 'writable'], ...problem }];
    }),
    // protects: G14 a home with postern's own files is refused
    ...(home === undefined ? [] : [home]).flatMap((path): PathProblem[] => {
      const problem = ofHome(path, ways, named);
      return problem === undefined ? [] : [{ plugin: name, key: ['home'], ...problem }];
    }),
  ]);
}

/** `searched`: nothing is there, and nothing must come there. */
type Kind = 'hook' | 'file' | 'folder' | 'searched';
/** What is there, and the fix for who would write there. */
const KINDS: Readonly<Record<Kind, Readonly<{ what: string; fix: string }>>> = {
  hook: {
    what: 'belongs to a program of ask.hook or secrets, which runs outside of every sandbox',
    fix: 'keep that program in a folder of its own, in which no plugin writes',
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

/**
 * Finds what postern runs or loads where a plugin of another supervisor may write. Its sandbox covers what is its own postern's: there it may not.
 *
 * Supervisors in one process have the same program, and their sandboxes cover it. Each has hooks of its own, which its neighbours do not know.
 *
 * @param sandboxes those that run now
 * @returns at most one problem for each of them
 */
export function otherWriterProblems(
  own: OwnFiles,
  sandboxes: readonly SandboxMounts[],
  host: HostFiles,
  ours: string = readMounts(),
): readonly Problem[] {
  if (sandboxes.length === 0) return [];
  const { hook = [], program = [], folders = [], searched } = own;
  const ways = waysTo({ hook, file: program, folder: folders, searched }, host);
  return sandboxes.flatMap(({ pid, isOfThisProcess, mountinfo }): readonly Problem[] => {
    const isWritable = writableIn(mountinfo, ours);
    const counting =
      /* protects: G20 no plugin of another supervisor of this process writes what a hook or a secret's command is or loads => isOfThisProcess ? [] : ways */ isOfThisProcess
        ? ways.filter(({ kind }) => kind === 'hook')
        : ways;
    const way = counting.find(({ kind, places, real }) =>
      places.some(
        ({ path, isBare }, index) =>
          /* protects: G20 no plugin of another supervisor writes what postern runs or loads => false */ (isBare ||
            // Nothing covers an own file that is not there, and postern runs none: only what is searched could come.
            (index === places.length - 1 && (kind === 'hook' || real.length > 0))) &&
          isWritable(path),
      ),
    );
    if (way === undefined) return [];
    const { what } = KINDS[way.kind];
    return [
      {
        message: `"${way.path}" ${what}, and a plugin of ${isOfThisProcess ? 'this process' : 'another postern'} may write there: its sandbox is that of process ${pid}`,
        fix: 'stop that plugin first; or keep what postern runs in folders in which no plugin writes',
      },
    ];
  });
}

function couldPut(searched: string, path: string): Problem {
  return {
    message: `postern looks for its own file at "${searched}", and the plugin may write "${path}": it could put one there`,
    fix: KINDS.searched.fix,
  };
}

// Finds paths that a plugin could exchange for a later start, rules for sockets that it could replace, and writable paths that are postern's own files.

/**
 * @param own postern's own files and folders
 * @param host of {@link asConfigured}
 * @returns problems with the code `path_not_apart`
 */
export function apartProblems(
  plugins: readonly PluginConfig[],
  own: OwnFiles,
  host: HostFiles,
  startedFiles: StartedFiles<PluginConfig>,
): readonly StartProblem[] {
  return [
    ...pathProblems(plugins, host, startedFiles),
    ...socketProblems(plugins, own.sockets ?? [], host),
    ...listenerProblems(plugins, host),
    // protects: G14 check: a writable path that is postern's own is refused
    ...ownFileProblems(plugins, own, hostFiles),
  ].map(refused);
}

/**
 * Rules and listeners of others come into force while runs that are to end still write.
 *
 * @param ending the former plugins of these runs
 * @returns as {@link apartProblems} does, of the plugins that stay or come
 */
export function endingProblems(
  plugins: readonly PluginConfig[],
  ending: readonly PluginConfig[],
  own: OwnFiles,
): readonly StartProblem[] {
  if (ending.length === 0) return [];
  const leaving = ending.filter(({ name }) => !plugins.some((plugin) => plugin.name === name));
  const left = leaving.flatMap(({ listen }) => listen.map(({ address }) => address));
  // Such an address is bound when they are gone.
  const bound = plugins.map((plugin) => ({
    ...plugin,
    listen: plugin.listen.filter(({ address }) => !left.includes(address)),
  }));
  const writers = ending.map((plugin) => ({ ...plugin, allow: [], listen: [] }));
  const host = asConfigured([...plugins, ...writers], hostFiles);
  return [
    ...socketProblems([...plugins, ...writers], own.sockets ?? [], host),
    ...listenerProblems([...bound, ...writers], host),
  ].map((problem) =>
    refused({
      ...problem,
      fix: 'its run has to end first: take out the plugin or its folder, and reload, before you add this',
    }),
  );
}

function refused(problem: PathProblem): StartProblem {
  return { ...problem, code: 'path_not_apart', intro: `Cannot start "${problem.plugin}"` };
}
