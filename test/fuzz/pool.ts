// The inputs that mutations start from: the corpus, and inputs that showed something new.
import type { Pick } from './fuzz-target.js';

const MOST = 2000;
const MOST_OUTCOMES = 5000;

export class Pool {
  readonly #inputs: Uint8Array[];
  readonly #corpus: number;
  readonly #outcomes = new Set<string>();

  constructor(corpus: readonly Uint8Array[]) {
    this.#inputs = [...corpus];
    this.#corpus = corpus.length;
  }

  /** How many were kept besides the corpus. */
  get kept(): number {
    return this.#inputs.length - this.#corpus;
  }

  get outcomes(): number {
    return this.#outcomes.size;
  }

  /** Prefers inputs that were kept last. */
  any(pick: Pick): Uint8Array {
    const from = pick(3) === 0 ? Math.max(0, this.#inputs.length - 16) : 0;
    return this.#inputs[from + pick(Math.max(1, this.#inputs.length - from))] ?? new Uint8Array();
  }

  /** @returns whether the outcome was new */
  note(outcome: string): boolean {
    if (this.#outcomes.has(outcome) || this.#outcomes.size >= MOST_OUTCOMES) return false;
    this.#outcomes.add(outcome);
    return true;
  }

  keep(bytes: Uint8Array, pick: Pick): void {
    if (this.#inputs.length < MOST) this.#inputs.push(bytes);
    else this.#inputs[this.#corpus + pick(MOST - this.#corpus)] = bytes;
  }
}
