// Which files of the host a program that failed may have missed, as far as they can be known without tracing it: those that its
// command or its script names. Nothing is advised that the user did not name, unless everybody on the host may read it; never
// a home directory, nor what holds one.
import { basename, dirname, resolve } from 'node:path';
import type { HostFiles } from '../files/host-files.js';
import { isWithin } from '../files/path-within.js';
import { findShim } from '../root/find-shim.js';
import type { RootPlan } from '../root/plan-root.js';
import { finds } from '../root/shown-paths.js';
import { PLUGIN_HOME } from '../root/system-files.js';
import { namedPaths } from './named-paths.js';

export interface UnseenRequest {
  readonly words: readonly string[];
  /** Where the host has the program. */
  readonly program: string | undefined;
  /** The folder that was asked for. */
  readonly cwd: string;
  readonly homes: readonly string[];
  readonly keptHomes: readonly string[];
  /** Names of the variables that the configuration sets. */
  readonly variables: readonly string[];
}

/** What is asked of the host beside {@link HostFiles}. */
export interface HostTexts {
  /** The beginning of a regular file; undefined where it is none, or holds no text. */
  readonly readText: (path: string) => string | undefined;
  /** Whether everybody on the host may read it. */
  readonly isPublic: (path: string) => boolean;
}

export interface Unseen {
  /** What the program may have missed, and why: a sentence without its end. */
  readonly message: string;
  /** To be shown; none where that would not help. */
  readonly paths: readonly string[];
  /** What is to be done besides. */
  readonly besides?: string;
  /** What helps instead. */
  readonly instead?: string;
}

const MOST_PATHS = 3;
const SHELLS = ['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh'];
const NEVER = ['/proc', '/sys', '/dev', PLUGIN_HOME];
/** The sandbox has these for itself: a script that names a file there means its own. */
const SCRATCH_OF_SCRIPTS = ['/tmp', '/run', '/var/run', '/var/tmp', '/var/lock'];

/** @returns a sentence for each way to have missed a file, with three paths in all */
export function unseenFiles(
  plan: RootPlan,
  request: UnseenRequest,
  host: HostFiles,
  texts: HostTexts,
): readonly Unseen[] {
  const misses = (path: string): boolean => isMissed(path, plan, request, host);
  const shim = ofShim(request, plan, host);
  if (shim !== undefined) return [shim];
  const named = namedByUser(request, plan.cwdVisible).filter(({ path }) => misses(path));
  const relative = named.filter(({ word }) => !plan.cwdVisible && !word.startsWith('/'));
  const absolute = outermost(named.filter((one) => !relative.includes(one)).map(({ path }) => path));
  const scripts = scriptTexts(request, plan, host, texts).map(({ name, text }) => ({
    name,
    paths: outermost(
      namedPaths(text).filter((path) => mayAdvise(path) && misses(path) && texts.isPublic(path)),
    ),
  }));
  const unseen: Unseen[] = [];
  let left = MOST_PATHS;
  const tell = (paths: readonly string[], told: (things: string) => Omit<Unseen, 'paths'>): void => {
    const some = paths.slice(0, left);
    left -= some.length;
    const things = paths.length === 1 ? 'a file of this host that is' : 'files of this host that are';
    if (some.length > 0) unseen.push({ ...told(things), paths: some });
  };
  tell(absolute, (things) => ({ message: `The command names ${things} not visible to it` }));
  for (const { path, word } of relative.slice(0, 1)) {
    tell([path], () => ({
      message: `The command names "${word}", but "${request.cwd}" is a home directory or above one, and not visible to it`,
      besides: 'name it by that path',
      instead: 'start from a folder below',
    }));
  }
  for (const { name, paths } of scripts)
    tell(paths, (things) => ({ message: `"${name}" names ${things} not visible to it` }));
  return unseen;
}

function ofShim(
  { words, program, variables }: UnseenRequest,
  plan: RootPlan,
  host: HostFiles,
): Unseen | undefined {
  const shim = program === undefined ? undefined : findShim(program, host);
  if (shim === undefined) return undefined;
  const { manager, root, namesRoot } = shim;
  const name = basename(words[0] ?? '');
  const instead = `run the program that "${manager} which ${name}" prints`;
  if (!namesRoot) {
    if (variables.some((variable) => variable.startsWith(`${manager.toUpperCase()}_`))) return undefined;
    const message = `"${name}" is a shim of ${manager}, which looks for its files in a home directory`;
    return { message, paths: [], instead };
  }
  if (finds(plan.entries, root, host)) return undefined;
  return {
    message: `"${name}" is a shim of ${manager}, whose files are not visible to it`,
    paths: [root],
    instead,
  };
}

interface Named {
  readonly word: string;
  readonly path: string;
}

/** Paths among the arguments, those behind `=` included. A bare word counts only as a file's name, and where its folder is not there. */
function namedByUser({ words, cwd }: UnseenRequest, cwdVisible: boolean): readonly Named[] {
  return words.slice(1).flatMap((argument): Named[] => {
    const word = /^-{0,2}[\w-]+=(.+)$/.exec(argument)?.[1] ?? argument;
    const isPath = word.includes('/') || (!cwdVisible && /^[^-].*\.\w+$/.test(word));
    return isPath && !/[\p{Cc}\n]/u.test(word) ? [{ word, path: resolve(cwd, word) }] : [];
  });
}

/** The script that is run, and what a shell is given to run. */
function scriptTexts(
  { words, program, cwd }: UnseenRequest,
  plan: RootPlan,
  host: HostFiles,
  { readText }: HostTexts,
): readonly { readonly name: string; readonly text: string }[] {
  if (program === undefined) return [];
  const text = readText(program);
  if (text?.startsWith('#!') === true) return [{ name: program, text }];
  if (!SHELLS.includes(basename(program))) return [];
  const option = words.findIndex((word, index) => index > 0 && /^-[a-z]*c$/.test(word));
  if (option > 0) return [{ name: `${words[0]} ${words[option]}`, text: words[option + 1] ?? '' }];
  const script = words.slice(1).find((word) => !word.startsWith('-'));
  if (script === undefined) return [];
  const path = resolve(cwd, script);
  const inside = finds(plan.entries, path, host) ? readText(path) : undefined;
  return inside === undefined ? [] : [{ name: path, text: inside }];
}

function mayAdvise(path: string): boolean {
  return !SCRATCH_OF_SCRIPTS.some((folder) => isWithin(path, folder));
}

/** It is there on the host, does not show, is not hidden by the user, and may be shown. */
function isMissed(
  path: string,
  plan: RootPlan,
  { homes, keptHomes }: UnseenRequest,
  host: HostFiles,
): boolean {
  const real = host.real(path);
  if (real === undefined || plan.hiddenBy(real) !== undefined || finds(plan.entries, path, host))
    return false;
  const people = [...homes, ...homes.map((home) => host.real(home) ?? home), '/home'];
  const both = [path, real];
  return !both.some(
    (one) =>
      people.some((home) => isWithin(home, one)) ||
      dirname(one) === '/home' ||
      [...NEVER, ...keptHomes].some((folder) => isWithin(one, folder)),
  );
}

function outermost(paths: readonly string[]): readonly string[] {
  const all = [...new Set(paths)];
  return all.filter((path) => !all.some((other) => other !== path && isWithin(path, other)));
}
