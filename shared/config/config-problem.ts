// What is wrong with a file of configuration, and where. All that is wrong is told at once.
import { PosternError } from '../errors.js';
import { printable } from '../printable.js';

export interface ConfigProblem {
  readonly file: string;
  /** From 1; absent where the whole file is meant. */
  readonly line?: number;
  /** In characters, from 1. */
  readonly column?: number;
  /** The key's path, as `plugins.web.allow[0]`; empty for the file itself. */
  readonly key: string;
  readonly message: string;
  /** What to do, as `write "8080"` or `did you mean "command"?`. */
  readonly suggestion?: string;
}

/** One line, without a character that a terminal would act on: `postern.yaml:3:5: plugins.web.comand: unknown key; did you mean "command"?` */
export function describeProblem({ file, line, column, key, message, suggestion }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column}`;
  const hint = suggestion === undefined ? '' : `; ${suggestion}`;
  return printable(`${place}: ${key === '' ? '' : `${key}: `}${message}${hint}`);
}

/** Every problem of a configuration: `bad_config`, with a line for each in its message, in the order of the files' lines. */
export class ConfigError extends PosternError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const sorted = [...problems].sort(
      (a, b) =>
        (a.file === b.file ? 0 : a.file < b.file ? -1 : 1) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0),
    );
    super('bad_config', sorted.map(describeProblem).join('\n'));
    this.problems = sorted;
  }
}
