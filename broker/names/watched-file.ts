// A small file of the host that programs replace at any time, such as /etc/resolv.conf. Runs in the broker. Whatever is in its place, the last
// good text stays in force.
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { readAtMost } from '../../shared/read-file.js';

/** Read again when it has changed. */
export class WatchedFile {
  readonly #path: string;
  readonly #limit: number;
  readonly #onProblem: (text: string) => void;
  #version: string | undefined;
  #problem: string | undefined;

  /**
   * @param limit bytes; a larger file is a problem
   * @param onProblem takes one line for each new problem, and one when it is over
   */
  constructor(path: string, limit: number, onProblem: (text: string) => void) {
    this.#path = path;
    this.#limit = limit;
    this.#onProblem = onProblem;
  }

  /**
   * @param accept parses the text. @returns false for a text that says nothing useful
   * @returns whether a new text is in force
   */
  renew(accept: (text: string) => boolean): boolean {
    const version = this.#look();
    if (version === this.#version) return false;
    this.#version = version;
    const read = this.#read();
    const problem =
      'problem' in read ? read.problem : accept(read.text) ? undefined : 'nothing in it can be used';
    if (problem !== undefined) {
      if (problem !== this.#problem)
        this.#onProblem(`cannot use "${this.#path}": ${problem}; the former one stays in force`);
      this.#problem = problem;
      return false;
    }
    if (this.#problem !== undefined) this.#onProblem(`"${this.#path}" is used again`);
    this.#problem = undefined;
    return true;
  }

  /** Whatever can be seen of it, failures included: a look must never fail. */
  #look(): string {
    try {
      const { mtimeMs, ctimeMs, size, ino, mode } = statSync(this.#path);
      return `${mtimeMs} ${ctimeMs} ${size} ${ino} ${mode}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }

  #read(): { readonly text: string } | { readonly problem: string } {
    let fd: number | undefined;
    try {
      // Not to wait for the other end of a pipe in its place.
      fd = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
      const stats = fstatSync(fd);
      if (!stats.isFile()) return { problem: 'it is no regular file' };
      if (stats.size > this.#limit) return { problem: `it has more than ${this.#limit} bytes` };
      const bytes = readAtMost(fd, this.#limit);
      if (bytes === undefined) return { problem: `it has more than ${this.#limit} bytes` };
      return { text: bytes.toString('utf8') };
    } catch (error) {
      return { problem: (error as NodeJS.ErrnoException).code ?? String(error) };
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

/** The broker's own words, which the supervisor prints. */
export function tellProblem(text: string): void {
  process.stderr.write(`postern: broker: ${text}\n`);
}
