// What plugins write, line by line, each behind its plugin's name; on a terminal aligned and coloured by plugin.
import { type Paint, paint } from './colour.js';

const COLOURS: readonly Paint[] = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'];

/** @param names in the file's order: each has its colour by its place */
export function pluginLines(
  names: readonly string[],
): (name: string, stream: 'stdout' | 'stderr', line: string) => void {
  const width = Math.max(0, ...names.map(({ length }) => length));
  return (name, stream, line) => {
    const to = process[stream];
    const colour = COLOURS[names.indexOf(name) % COLOURS.length] ?? 'cyan';
    if (to.isTTY === true) to.write(`${paint(`${name.padEnd(width)} |`, colour, to)} ${visible(line)}\n`);
    else to.write(`${name} | ${line}\n`);
  };
}

/** A plugin's line on a terminal: its control characters would rewrite what others have written. */
function visible(line: string): string {
  return line
    .replace(/\r$/, '')
    .replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}
