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

/** Codes of errors whose cause may lie in the host. */
const OF_THE_HOST = ['launch_failed', 'broker_failed', 'missing_library', 'old_kernel', 'no_id_range'];

/** One line: what happened, and the mend where there is one. */
export function describeError(error: unknown): string {
  if (!(error instanceof PosternError)) return error instanceof Error ? error.message : String(error);
  const ofTheHost = OF_THE_HOST.includes(error.code) && runStatus(error) === 125;
  return [error.message, error.mend, ofTheHost ? '"postern doctor" tells more' : undefined]
    .filter((part) => part !== undefined)
    .join('; ');
}

/** Exit status of an error in `run`: its own, or 125. */
export function runStatus(error: unknown): number {
  const status = error instanceof PosternError ? error.fields['exitStatus'] : undefined;
  return typeof status === 'number' ? status : 125;
}
