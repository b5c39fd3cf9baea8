// postern's own words: on stderr, each line beginning `postern: `, so that stdout is the plugin's alone.
import { PosternError } from '../../shared/errors.js';

export function say(text: string): void {
  process.stderr.write(
    `${text
      .split('\n')
      .map((line) => `postern: ${line}`)
      .join('\n')}\n`,
  );
}

/** One line: what happened, and the mend where there is one. */
export function describeError(error: unknown): string {
  if (!(error instanceof PosternError)) return error instanceof Error ? error.message : String(error);
  return error.mend === undefined ? error.message : `${error.message}; ${error.mend}`;
}

/** Exit status of an error in `run`: its own, or 125. */
export function runStatus(error: unknown): number {
  const status = error instanceof PosternError ? error.fields['exitStatus'] : undefined;
  return typeof status === 'number' ? status : 125;
}
