// The mistakes in a configuration file, with their places. All are reported at once.
import type { ErrorCode, SystemCode } from '../error-codes.js';
import { PosternError } from '../errors.js';
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
