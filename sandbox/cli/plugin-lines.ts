// Prints the output of plugins line by line, each with its plugin's name in front; on a terminal aligned and coloured.
import { printable } from '../../shared/printable.js';
import { type Paint, paint } from './colour.js';

const COLOURS: readonly Paint[] = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'];

type Output = 'stdout' | 'stderr';

/** The lines of many plugins in one output. Nothing is kept for a slow reader: the plugins wait, as at a pipe. */
export class PluginLines {
  readonly #names: () => readonly string[];
  readonly #full = new Map<Output, Promise<void>>();
  #drop: () => void = () => {};
  #dropping = false;
  readonly #dropped: Promise<void> = new Promise((resolve) => {
    this.#drop = resolve;
  });

  /** @param names returns those of now, in the file's order, which decides their colours */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  /** @returns undefined, or for a full output a promise that resolves when it has room again */
  write(name: string, output: Output, line: string): Promise<void> | undefined {
    if (this.#dropping) return undefined;
    const to = process[output];
    const text = to.isTTY === true ? `${this.#head(name, to)} ${shown(line)}\n` : `${name} | ${line}\n`;
    return to.write(text) ? undefined : this.#room(output);
  }

  /** For a reader that is gone or too slow: drops every further line, so that no plugin waits. */
  giveUp(): void {
    this.#dropping = true;
    this.#drop();
  }

  #head(name: string, to: NodeJS.WriteStream): string {
    const names = this.#names();
    const width = Math.max(0, ...names.map(({ length }) => length));
    const colour = COLOURS[names.indexOf(name) % COLOURS.length] ?? 'cyan';
    return paint(`${name.padEnd(width)} |`, colour, to);
  }

  #room(output: Output): Promise<void> {
    const known = this.#full.get(output);
    if (known !== undefined) return known;
    const drained = new Promise<void>((resolve) => process[output].once('drain', resolve));
    const room = Promise.race([drained, this.#dropped]).then(() => void this.#full.delete(output));
    this.#full.set(output, room);
    return room;
  }
}

/** Control characters could rewrite other plugins' lines on a terminal. Tabs are harmless. */
function shown(line: string): string {
  // protects: G13 a plugin's line of output does not act on the terminal => return line.replace(/\r$/, '');
  return line.replace(/\r$/, '').split('\t').map(printable).join('\t');
}
