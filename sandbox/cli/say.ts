// postern's own messages. They go to stderr, each line behind `postern: `, so that stdout is the plugin's alone.
import { ERROR_CODES, type ErrorForm } from '../../shared/error-codes.js';
import { PosternError } from '../../shared/errors.js';
import { OUTPUT_QUEUE_BYTES } from '../../shared/limits.js';
import { printable } from '../../shared/printable.js';

/** If the terminal takes nothing for a long time, words are left out: nobody could read them in time. */
export function say(text: string): void {
  if (process.stderr.writableLength > OUTPUT_QUEUE_BYTES) return;
  process.stderr.write(
    `${text
      .split('\n')
      .map((line) => `postern: ${line}`)
      .join('\n')}\n`,
  );
}

/** The message of an error, with its fix. Control characters are removed: a plugin may have chosen a name in it. */
export function describeError(error: unknown): string {
  return describe(error).split('\n').map(printable).join('\n');
}

function describe(error: unknown): string {
  if (isSystemError(error) && error.syscall === 'uv_cwd')
    return 'The current folder does not exist any more; change to another one';
  if (!(error instanceof PosternError)) return error instanceof Error ? error.message : String(error);
  const ofTheHost = formOf(error)?.doctor === true && runStatus(error) === 125;
  return [error.message, error.fix, ofTheHost ? 'run "postern doctor" for details' : undefined]
    .filter((part) => part !== undefined)
    .join('; ');
}

/** An error of a system call, whose message is enough. Other unexpected errors are printed with their stack. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** The exit status of `run` after an error: the error's own, else 125. */
export function runStatus(error: unknown): number {
  const status = error instanceof PosternError ? error.fields['exitStatus'] : undefined;
  return typeof status === 'number' ? status : 125;
}

function formOf({ code }: PosternError): ErrorForm | undefined {
  const forms: Readonly<Record<string, ErrorForm>> = ERROR_CODES;
  return forms[code];
}
