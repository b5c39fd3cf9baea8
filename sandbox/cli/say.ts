// postern's own words: on stderr, each line beginning `postern: `, so that stdout is the plugin's alone.
import { ERROR_CODES, type ErrorForm } from '../../shared/error-codes.js';
import { PosternError } from '../../shared/errors.js';
import { printable } from '../../shared/printable.js';

export function say(text: string): void {
  process.stderr.write(
    `${text
      .split('\n')
      .map((line) => `postern: ${line}`)
      .join('\n')}\n`,
  );
}

/** A line a fact: what happened, and the fix where there is one. A message may hold names that a plugin chose. */
export function describeError(error: unknown): string {
  return describe(error).split('\n').map(printable).join('\n');
}

function describe(error: unknown): string {
  if (isSystemError(error) && error.syscall === 'uv_cwd')
    return 'The current folder is not there any more; change to one that is';
  if (!(error instanceof PosternError)) return error instanceof Error ? error.message : String(error);
  const ofTheHost = formOf(error)?.doctor === true && runStatus(error) === 125;
  return [error.message, error.fix, ofTheHost ? '"postern doctor" tells more' : undefined]
    .filter((part) => part !== undefined)
    .join('; ');
}

/** An error of the system's, whose message tells it all; other errors that nobody foresaw are told with their stack. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Exit status of an error in `run`: its own, or 125. */
export function runStatus(error: unknown): number {
  const status = error instanceof PosternError ? error.fields['exitStatus'] : undefined;
  return typeof status === 'number' ? status : 125;
}

function formOf({ code }: PosternError): ErrorForm | undefined {
  const forms: Readonly<Record<string, ErrorForm>> = ERROR_CODES;
  return forms[code];
}
