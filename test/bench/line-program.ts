// A program that takes one command a line, and answers each with one line. It runs directly or in a sandbox.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endWithBench, killGroup } from './end-with-bench.js';

export class LineProgram {
  readonly #words: readonly string[];
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #said = '';

  /** @param cwd the working directory, which a sandbox shows */
  constructor(words: readonly string[], cwd = '/') {
    this.#words = words;
    const [program = '', ...args] = words;
    // In its own session, as a plugin is: the kernel shares processors out between sessions (autogroup in sched(7)).
    const child = spawn(program, args, { cwd, stdio: 'pipe', detached: true });
    this.#child = child;
    child.on('error', (error) => {
      this.#said += error.message;
    });
    child.stdin.on('error', () => {});
    endWithBench(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#said = (this.#said + text).slice(-2_000);
    });
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws Error with what the program has said, if it ended */
  async line(): Promise<string> {
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`"${this.#words.join(' ')}" ended: ${this.#said}`);
    return value;
  }

  send(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** @returns the answer, which is JSON */
  async ask<T>(line: string): Promise<T> {
    this.send(line);
    return JSON.parse(await this.line()) as T;
  }

  /** Closes its stdin, and waits for its end. */
  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    const timer = setTimeout(() => this.kill(), END_MS);
    await ended;
    clearTimeout(timer);
  }

  /** With all in its process group. */
  kill(): void {
    killGroup(this.#child);
  }
}

const END_MS = 20_000;
