// How many questions a sandbox may ask: a bucket of QUESTION_BURST, refilled by QUESTIONS_PER_SECOND. Runs in the broker.
import { QUESTION_BURST, QUESTIONS_PER_SECOND } from '../shared/limits.js';

export class QuestionRate {
  readonly #now: () => number;
  #left: number = QUESTION_BURST;
  #filledAt: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#filledAt = now();
  }

  /** Takes one question's share. @returns false where none is left */
  take(): boolean {
    const now = this.#now();
    const grown = ((now - this.#filledAt) * QUESTIONS_PER_SECOND) / 1000;
    this.#left = Math.min(QUESTION_BURST, this.#left + grown);
    this.#filledAt = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
