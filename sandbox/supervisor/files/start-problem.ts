// What a start refuses in a configuration, as a value with its place. A start throws the first, and `check` reports all. Pure.
import { type ErrorCode, PosternError, type SystemCode } from '../../../shared/errors.js';

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
    key: typeof key === 'string' ? key.split('.') : [],
    path: typeof path === 'string' ? path : undefined,
    message,
    fix,
  };
}
