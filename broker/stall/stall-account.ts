// Time that a plugin may spend, and that is given back slowly. Runs in the broker, on the main thread.

export class StallAccount {
  readonly #now: () => number;
  readonly #mostMs: number;
  readonly #share: number;
  #spentMs = 0;
  #spentAt = 0;

  /** @param share of the time that passes, given back */
  constructor(now: () => number, mostMs: number, share: number) {
    this.#now = now;
    this.#mostMs = mostMs;
    this.#share = share;
  }

  get leftMs(): number {
    const regained = (this.#now() - this.#spentAt) * this.#share;
    return this.#mostMs - Math.max(0, this.#spentMs - regained);
  }

  spend(milliseconds: number): void {
    this.#spentMs = this.#mostMs - this.leftMs + milliseconds;
    this.#spentAt = this.#now();
  }
}
