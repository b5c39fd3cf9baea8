// postern's own messages. They go to stderr, each line behind `postern: `, so that stdout is the plugin's alone.
import { fstatSync } from 'node:fs';
import { asciiJson } from '../../shared/ascii-json.js';
import { formOf, PosternError } from '../../shared/errors.js';
import { OUTPUT_QUEUE_BYTES } from '../../shared/limits.js';
import { printable } from '../../shared/printable.js';

/** How much a line of postern's matters, with its priority as syslog(3) and sd-daemon(3) number it. */
const LEVELS = { error: 3, warning: 4, info: 6 } as const;
type Level = keyof typeof LEVELS;

let isJson = false;

/** From now on each line is an object, for a program that collects logs. */
export function writeJsonLines(): void {
  isJson = true;
}

export function writesJson(): boolean {
  return isJson;
}

/** @returns a line of JSON with the time. A terminal obeys nothing in it */
export function jsonLine(fields: Readonly<Record<string, string>>): string {
  return `${asciiJson({ time: new Date().toISOString(), ...fields })}\n`;
}

/** journald says so to a process whose stderr it reads, systemd.exec(5): JOURNAL_STREAM has the device and the inode. */
function goesToJournal(): boolean {
  const [, device, inode] = /^(\d+):(\d+)$/.exec(process.env['JOURNAL_STREAM'] ?? '') ?? [];
  if (device === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return `${dev}` === device && `${ino}` === inode;
}

let journal: boolean | undefined;

/**
 * If the terminal takes nothing for a long time, words are left out: nobody could read them in time.
 *
 * @param lines a plugin may have chosen a name in one. A new line there begins no line of postern's: what a terminal would obey is escaped
 */
export function say(lines: string | readonly string[], level: Level = 'info'): void {
  if (process.stderr.writableLength > OUTPUT_QUEUE_BYTES) return;
  const texts = typeof lines === 'string' ? [lines] : lines;
  const shown = (line: string): string =>
    /* protects: G13 a new line in a name begins no line of postern's => line */ printable(line);
  journal ??= goesToJournal();
  const priority = journal ? `<${LEVELS[level]}>` : '';
  const styled = (line: string): string =>
    level === 'warning' ? paint(line, 'yellow', process.stderr) : line;
  process.stderr.write(
    texts
      .map((line) =>
        isJson ? jsonLine({ level, message: line }) : `${priority}postern: ${styled(shown(line))}\n`,
      )
      .join(''),
  );
}

/** Says what a person must not overlook among the output of programs: a refusal, or a plugin that does not start. */
export function warn(line: string): void {
  say(line, 'warning');
}

/** The lines of an error, the last one with its fix. */
export function describeError(error: unknown): readonly string[] {
  if (isSystemError(error) && error.syscall === 'uv_cwd')
    return ['The current folder does not exist any more; change to another one'];
  if (!(error instanceof PosternError)) return [error instanceof Error ? error.message : String(error)];
  const ofTheHost = formOf(error.code)?.doctor === true && runStatus(error) === 125;
  const advice = [error.fix, ofTheHost ? 'run "postern doctor" for details' : undefined];
  const last = [error.lines.at(-1), ...advice].filter((part) => part !== undefined).join('; ');
  return [...error.lines.slice(0, -1), last];
}

/** An error of a system call, whose message is enough. Other unexpected errors are printed with their stack. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** The exit status of `run` after an error: the error's own, else 125. */
export function runStatus(error: unknown): number {
  return error instanceof PosternError ? error.exitStatus : 125;
}

// Colours for a terminal. Off for other outputs, with NO_COLOR (no-color.org) and with TERM=dumb. FORCE_COLOR wins over all three, as in Node, and 0 turns
// them off. util.styleText() looks at none of this in Node 20.

export type Paint = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'bold' | 'dim';
const CODES: Readonly<Record<Paint, readonly [number, number]>> = {
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  bold: [1, 22],
  dim: [2, 22],
};

/** @param stream where the text will be written */
export function paint(
  text: string,
  style: Paint,
  stream: { readonly isTTY?: boolean } = process.stdout,
): string {
  if (!takesColour(stream)) return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Whether a stream is a terminal that can be drawn on. */
export function takesControl(stream: { readonly isTTY?: boolean } = process.stdout): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

export function takesColour(stream: { readonly isTTY?: boolean } = process.stdout): boolean {
  const { FORCE_COLOR: forced = '', NO_COLOR: none = '' } = process.env;
  if (forced !== '') return forced !== '0' && forced !== 'false';
  return none === '' && takesControl(stream);
}
