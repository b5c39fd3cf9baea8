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
    this.#fill();
    if (this.#left < shares) return false;
    this.#left -= shares;
    return true;
  }

  /** Takes one token, also if none is left. Then it is owed. */
  spend(): void {
    this.#fill();
    this.#left -= 1;
  }

  /** Milliseconds until there is a token. */
  get owedMs(): number {
    this.#fill();
    return Math.max(0, ((1 - this.#left) * 1000) / this.#perSecond);
  }

  #fill(): void {
    const now = this.#now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#filledAt) * this.#perSecond) / 1000);
    this.#filledAt = now;
  }
}
