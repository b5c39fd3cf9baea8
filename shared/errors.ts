// The base class of every error of postern. A refusal is no error but a value with a reason: an error is something that postern
// could not do.
import type { ErrorCode, SystemCode } from './error-codes.js';

/** Facts about an error besides its message: system call, errno, path, step. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * An error of postern. Programs recognise it by its stable `code`, never by its text.
 *
 * The message says what happened, to what, and why. `fix` says what to do about it.
 */
export class PosternError extends Error {
  override readonly name: string = 'PosternError';
  readonly code: ErrorCode | SystemCode;
  readonly fix: string | undefined;
  readonly fields: ErrorFields;
  /** The message, a line for each of several mistakes. A new line within one of them is foreign text. */
  readonly lines: readonly string[];

  constructor(
    code: ErrorCode | SystemCode,
    message: string | readonly string[],
    options: { fix?: string | undefined; cause?: unknown; fields?: ErrorFields } = {},
  ) {
    const lines = typeof message === 'string' ? [message] : message;
    super(lines.join('\n'), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.lines = lines;
    this.fix = options.fix;
    this.fields = options.fields ?? {};
  }
}
