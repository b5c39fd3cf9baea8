// A plugin's questions that no DNS server has answered yet, and the bound on them. Runs in the broker.
import { DNS_QUESTIONS } from '../../shared/limits.js';

export class OpenQuestions {
  readonly #onRefused: () => void;
  #count = 0;

  /** @param onRefused called for each question past the bound */
  constructor(onRefused: () => void) {
    this.#onRefused = onRefused;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the plugin may ask one more. */
  admit(): boolean {
    if (this.#count < DNS_QUESTIONS) return true;
    this.#onRefused();
    return false;
  }

  /**
   * Counts a question until it is answered, even if nobody waits for it any more: a request with a short time limit ends long before
   * its question does.
   *
   * @param answer must not reject
   */
  async track<T>(answer: Promise<T>): Promise<T> {
    this.#count += 1;
    const found = await answer;
    this.#count -= 1;
    return found;
  }
}
