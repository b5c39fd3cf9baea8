// Finds the files that a plugin's command names and cannot see inside, and says so before the program fails. Runs in the supervisor.

import { statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type HostFiles, hostFiles, isWithin, readStart } from '../files/host-files.js';
import { leadsThrough } from '../files/places-passed.js';
import { findShim } from '../root/command-paths.js';
import type { RootPlan } from '../root/plan-root.js';
import { finds } from '../root/shown-paths.js';
import { PLUGIN_HOME } from '../root/system-files.js';

// Finds the files of the host that a failed program may have missed: those that its command or its script names. Nothing is traced.
// It only suggests paths that the user named, or that every user of the host may read. It never suggests a home directory or a
// folder above one. What a plugin may write is neither read nor suggested: a plugin could make the operator show it something.

interface UnseenRequest {
  readonly words: readonly string[];
  /** The program's path on the host. */
  readonly program: string | undefined;
  /** The configured working directory. */
  readonly cwd: string;
  readonly homes: readonly string[];
  readonly keptHomes: readonly string[];
  /** What any plugin may write, by paths without links. */
  readonly written: readonly string[];
  /** Names of the variables that the configuration sets. */
  readonly variables: readonly string[];
}

/** Questions about the host beside {@link HostFiles}. */
interface HostTexts {
  /** The beginning of a regular file; undefined for another file, or one without text. */
  readonly readText: (path: string) => string | undefined;
  /** Whether every user of the host may read it. */
  readonly isPublic: (path: string) => boolean;
}

export interface Unseen {
  /** Files that the program may have missed, with the reason: a sentence without its end. */
  readonly message: string;
  /** Paths to show; empty where that would not help. */
  readonly paths: readonly string[];
  /** A further step. */
  readonly besides?: string;
  /** Another fix. */
  readonly instead?: string;
}

const MOST_PATHS = 3;
const SHELLS = ['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh'];
const NEVER = ['/proc', '/sys', '/dev', PLUGIN_HOME];
/** Folders that the sandbox has itself: a script that names a file there means its own. */
const SCRATCH_OF_SCRIPTS = ['/tmp', '/run', '/var/run', '/var/tmp', '/var/lock'];

/** @returns a sentence for each cause, with at most three paths in all */
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
      namedPaths(text).filter(
        (path) =>
          mayAdvise(path) &&
          misses(path) &&
          /* protects: G14 what a script names is advised only where everybody may read it */ texts.isPublic(
            path,
          ),
      ),
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
  { words, program, variables, written }: UnseenRequest,
  plan: RootPlan,
  host: HostFiles,
): Unseen | undefined {
  const shim =
    program === undefined || leadsThrough(program, written, host) ? undefined : findShim(program, host);
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

/** Paths among the arguments, also behind `=`. A bare word counts only if it looks like a file name, and where the folder does not show. */
function namedByUser({ words, cwd }: UnseenRequest, cwdVisible: boolean): readonly Named[] {
  return words.slice(1).flatMap((argument): Named[] => {
    const word = /^-{0,2}[\w-]+=(.+)$/.exec(argument)?.[1] ?? argument;
    const isPath = word.includes('/') || (!cwdVisible && /^[^-].*\.\w+$/.test(word));
    return isPath && !/[\p{Cc}\n]/u.test(word) ? [{ word, path: resolve(cwd, word) }] : [];
  });
}

/** The script of the command, or the text that a shell runs by -c. */
function scriptTexts(
  { words, program, cwd, written }: UnseenRequest,
  plan: RootPlan,
  host: HostFiles,
  texts: HostTexts,
): readonly { readonly name: string; readonly text: string }[] {
  if (program === undefined) return [];
  const readText = (path: string): string | undefined =>
    /* protects: G14 no hint is read from what a plugin may write (whole) => texts.readText(path) */ leadsThrough(
      path,
      written,
      host,
    )
      ? undefined
      : texts.readText(path);
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

/** The file exists on the host, does not show, is not hidden by the user, and may be shown. */
function isMissed(
  path: string,
  plan: RootPlan,
  { homes, keptHomes, written }: UnseenRequest,
  host: HostFiles,
): boolean {
  const real = host.real(path);
  if (real === undefined || plan.hiddenBy(real) !== undefined || finds(plan.entries, path, host))
    return false;
  // protects: G14 no hint names what a plugin may write
  if (leadsThrough(path, written, host)) return false;
  const people = [...homes, ...homes.map((home) => host.real(home) ?? home), '/home'];
  const both = [path, real];
  return !both.some(
    (one) =>
      /* protects: G14 supervisor: no home directory is advised */ people.some((home) =>
        isWithin(home, one),
      ) ||
      dirname(one) === '/home' ||
      [...NEVER, ...keptHomes].some((folder) => isWithin(one, folder)),
  );
}

function outermost(paths: readonly string[]): readonly string[] {
  const all = [...new Set(paths)];
  return all.filter((path) => !all.some((other) => other !== path && isWithin(path, other)));
}

// Finds the absolute paths in a script's text. It knows no shell grammar: it finds literal paths, and none that a variable or a
// pattern makes. Pure.

/** A path of two parts or more that does not begin inside a longer word or a URL. */
const PATH = /(?<=^|[\s"'`=:(<>|&;,[])((?:\/[\w.+@-]+){2,})(\/?)(.?)/gm;
const COMMENT = /(^|\s)#.*$/gm;
/** A character that makes the last part of a path incomplete: its name depends on a pattern or variable. */
const GOES_ON = /[*?[\]$`{}\\~%]/;
const MOST = 200;

/** @returns each path once, in the order of the text, at most 200 */
export function namedPaths(text: string): readonly string[] {
  const found = new Set<string>();
  for (const [, path = '', slash, next = ''] of text.replace(COMMENT, '$1').matchAll(PATH)) {
    const whole = slash === '' && GOES_ON.test(next) ? path.slice(0, path.lastIndexOf('/')) : path;
    if (whole.lastIndexOf('/') > 0) found.add(whole);
    if (found.size >= MOST) break;
  }
  return [...found];
}

// Reads for unseen-files.ts the beginning of a script, and whether every user may read a file. Bounded, and never blocking.

const MOST_BYTES = 65_536;
const OTHERS = { read: 4, enter: 1 } as const;

export const hostTexts: HostTexts = {
  readText: (path) => {
    const text = readStart(path, MOST_BYTES)?.toString('utf8');
    return text === undefined || text.includes('\0') ? undefined : text;
  },
  isPublic: (path) => {
    const real = hostFiles.real(path);
    if (real === undefined) return false;
    try {
      const stats = statSync(real);
      const needed = stats.isDirectory() ? OTHERS.read | OTHERS.enter : OTHERS.read;
      if ((stats.mode & needed) !== needed) return false;
      for (let folder = dirname(real); folder !== '/'; folder = dirname(folder))
        if ((statSync(folder).mode & OTHERS.enter) === 0) return false;
      return true;
    } catch {
      return false;
    }
  },
};

// Reports the files that failed plugins may have missed, each report once.

export class UnseenReports {
  readonly #report: ((plugin: string, unseen: Unseen) => void) | undefined;
  readonly #told = new Set<string>();

  /** @param report undefined where nobody takes reports: then nothing is searched */
  constructor(report: ((plugin: string, unseen: Unseen) => void) | undefined) {
    this.#report = report;
  }

  /** @param find returns the files that the plugin may have missed */
  tell(plugin: string, find: () => readonly Unseen[]): void {
    if (this.#report === undefined) return;
    for (const unseen of find()) {
      const key = JSON.stringify([plugin, unseen]);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#report(plugin, unseen);
    }
  }
}
