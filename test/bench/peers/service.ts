// A program that serves until the bench ends it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithBench } from '../end-with-bench.js';

const START_MS = 15_000;
const END_MS = 5_000;

export class Service {
  readonly #child: ChildProcess;
  readonly #name: string;
  #said = '';

  constructor(words: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const [program = '', ...args] = words;
    this.#name = program;
    // In its own session, as the broker is.
    this.#child = spawn(program, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.#child.on('error', (error) => {
      this.#said += error.message;
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said = (this.#said + text).slice(-500);
      });
    endWithBench(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get said(): string {
    return this.#said;
  }

  /** @throws Error with what it said, if it ends first or is not ready in time */
  async until(ready: () => boolean | Promise<boolean>, limitMs: number = START_MS): Promise<void> {
    const end = performance.now() + limitMs;
    while (!(await ready())) {
      if (this.#hasEnded()) throw new Error(`${this.#name} ended: ${this.#said.trim()}`);
      if (performance.now() > end) throw new Error(`${this.#name} was not ready: ${this.#said.trim()}`);
      await sleep(50);
    }
  }

  async end(): Promise<void> {
    if (this.#hasEnded()) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(timer);
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }
}
