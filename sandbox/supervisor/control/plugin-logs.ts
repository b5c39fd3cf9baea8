// The last lines of the plugins' output. Runs in the supervisor. Bounded for each plugin, whatever it writes.
import { KEPT_CHARACTERS, KEPT_LINE_CHARACTERS, KEPT_LINES } from '../../../shared/limits.js';

export interface LogLine {
  readonly plugin: string;
  /** When it came: ISO 8601 in UTC. */
  readonly ts: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

interface KeptLine {
  readonly line: LogLine;
  /** Lines of all plugins are numbered as they come. */
  readonly number: number;
}

interface Ring {
  readonly lines: KeptLine[];
  characters: number;
}

type Listener = (line: LogLine) => void;

export class PluginLogs {
  readonly #rings = new Map<string, Ring>();
  readonly #listeners = new Set<Listener>();
  readonly #isKnown: (plugin: string) => boolean;
  #number = 0;

  /** @param isKnown whether a plugin has that name. The lines of one that is no more are forgotten */
  constructor(isKnown: (plugin: string) => boolean) {
    this.#isKnown = isKnown;
  }

  take(plugin: string, stream: 'stdout' | 'stderr', text: string): void {
    const line: LogLine = {
      plugin,
      ts: new Date().toISOString(),
      stream,
      // A copy: a part of a string keeps the whole of it, here the chunk in which the line came.
      text: Buffer.from(text.slice(0, KEPT_LINE_CHARACTERS)).toString(),
    };
    const ring = this.#rings.get(plugin) ?? { lines: [], characters: 0 };
    this.#rings.set(plugin, ring);
    this.#number += 1;
    ring.lines.push({ line, number: this.#number });
    ring.characters += line.text.length;
    while (ring.lines.length > KEPT_LINES || ring.characters > KEPT_CHARACTERS)
      ring.characters -= ring.lines.shift()?.line.text.length ?? 0;
    for (const listener of this.#listeners) listener(line);
  }

  /**
   * @param plugin all plugins without it
   * @param most how many lines
   * @param since none that came before that time: ISO 8601 in UTC
   * @returns the last lines, in the order in which they came
   */
  last(plugin: string | undefined, most: number, since = ''): readonly LogLine[] {
    for (const name of this.#rings.keys()) if (!this.#isKnown(name)) this.#rings.delete(name);
    const kept = [...this.#rings]
      .filter(([name]) => plugin === undefined || name === plugin)
      .flatMap(([, { lines }]) => lines.slice(-most));
    kept.sort((a, b) => a.number - b.number);
    return kept
      .slice(-most)
      .map(({ line }) => line)
      .filter(({ ts }) => ts >= since);
  }

  /** @param listener takes each line as it comes @returns ends that */
  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
