// A token bucket: so many in a second, and so many at once after a pause. Runs in broker and supervisor.

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  #left: number;
  #filledAt: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(perSecond: number, burst: number = perSecond, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#left = burst;
    this.#filledAt = now();
  }

  /** Takes tokens. @returns false, and takes none, if fewer are left */
  take(shares = 1): boolean {
    const now = this.#now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#filledAt) * this.#perSecond) / 1000);
    this.#filledAt = now;
    if (this.#left < shares) return false;
    this.#left -= shares;
    return true;
  }
}
