// The mistakes in a configuration file, with their places. All are reported at once.

import { distance } from 'fastest-levenshtein';
import { type ErrorCode, PosternError, type SystemCode } from '../errors.js';
import { printable } from '../printable.js';

export interface ConfigProblem {
  readonly file: string;
  /** From 1. Missing: the problem is about the whole file. */
  readonly line?: number;
  /** In characters, from 1. */
  readonly column?: number;
  /** The path of the key, for example `plugins.web.allow[0]`. Empty: the file itself. */
  readonly key: string;
  readonly message: string;
  /** What to do, for example `write "8080"` or `did you mean "command"?`. */
  readonly suggestion?: string;
  /** The code of a start that is refused because of it. Missing: the file itself has a mistake, `bad_config`. */
  readonly code?: ErrorCode | SystemCode;
}

/** One line, without a character that a terminal would obey: `postern.yaml:3:5: plugins.web.comand: unknown key; did you mean "command"?` */
export function describeProblem({ file, line, column, key, message, suggestion }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  const hint = suggestion === undefined ? '' : `; ${suggestion}`;
  return printable(`${place}: ${key === '' ? '' : `${key}: `}${message}${hint}`);
}

/** Every problem of a configuration, code `bad_config`. The message has a line for each, in the order of the files and their lines. */
export class ConfigError extends PosternError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort(
      (a, b) =>
        (a.file === b.file ? 0 : a.file < b.file ? -1 : 1) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0),
    );
    super('bad_config', sorted.map(describeProblem));
    this.problems = sorted;
  }
}

// Finds the known word that a mistyped one was meant to be.

/**
 * @param word as written
 * @param known the known words
 * @returns the nearest known word, if it is near enough to be meant
 */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const typed = word.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  // Two letters in the wrong order are two edits.
  let least = (word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3))) + 1;
  for (const candidate of known) {
    const edits = distance(typed, candidate.toLowerCase().replaceAll('-', '_'));
    if (edits < least) {
      best = candidate;
      least = edits;
    }
  }
  // A word may be cut short, as delay for delay_ms.
  return best ?? (typed.length < 4 ? undefined : [...known].find((candidate) => candidate.startsWith(typed)));
}

/** `did you mean "command"?`, if a known word is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const near = closest(word, known);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}
