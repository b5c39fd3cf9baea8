// What plugins write, line by line, each behind its plugin's name; on a terminal aligned and coloured by plugin.
import { printable } from '../../shared/printable.js';
import { type Paint, paint } from './colour.js';

const COLOURS: readonly Paint[] = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'];

type Output = 'stdout' | 'stderr';

/** The lines of many plugins in one output. What its reader does not take is not kept: the plugins wait, as at a pipe. */
export class PluginLines {
  readonly #names: readonly string[];
  readonly #width: number;
  readonly #full = new Map<Output, Promise<void>>();
  #drop: () => void = () => {};
  #dropping = false;
  readonly #dropped: Promise<void> = new Promise((resolve) => {
    this.#drop = resolve;
  });

  /** @param names in the file's order: each has its colour by its place */
  constructor(names: readonly string[]) {
    this.#names = names;
    this.#width = Math.max(0, ...names.map(({ length }) => length));
  }

  /** @returns where the output is full, when it has room again */
  write(name: string, output: Output, line: string): Promise<void> | undefined {
    if (this.#dropping) return undefined;
    const to = process[output];
    const colour = COLOURS[this.#names.indexOf(name) % COLOURS.length] ?? 'cyan';
    const text =
      to.isTTY === true
        ? `${paint(`${name.padEnd(this.#width)} |`, colour, to)} ${shown(line)}\n`
        : `${name} | ${line}\n`;
    return to.write(text) ? undefined : this.#room(output);
  }

  /** Nobody reads any more, or not in time: what comes from now on is dropped, and nobody waits. */
  giveUp(): void {
    this.#dropping = true;
    this.#drop();
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

/** A plugin's line on a terminal: its control characters would rewrite what others have written. Tabs only move on. */
function shown(line: string): string {
  return line.replace(/\r$/, '').split('\t').map(printable).join('\t');
}
