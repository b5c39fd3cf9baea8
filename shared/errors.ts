// The one base error. A refusal is a value with a reason; an error is something postern could not do.

/** Facts that an error carries beside its message: system call, errno, path, step, fix. */
export type ErrorFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * An error of postern's own, told by its stable `code` and never by its text.
 *
 * The message says what happened, to what, and why; `fix` what to do about it.
 */
export class PosternError extends Error {
  override readonly name: string = 'PosternError';
  readonly code: string;
  readonly fix: string | undefined;
  readonly fields: ErrorFields;

  constructor(
    code: string,
    message: string,
    options: { fix?: string | undefined; cause?: unknown; fields?: ErrorFields } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
    this.fields = options.fields ?? {};
  }
}
