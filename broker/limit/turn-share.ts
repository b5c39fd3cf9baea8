// A plugin's share of the event loop, whatever the number of its channels and of its requests that wait. Runs in the
// broker.
import { REQUESTS_PER_TURN, TURN_MS } from '../../shared/limits.js';

/** Counts requests, and the time since the first; past REQUESTS_PER_TURN of them, or TURN_MS, the event loop has to have turned. */
export class TurnShare {
  #left: number = REQUESTS_PER_TURN;
  #began: number | undefined;
  #renewal: Promise<void> | undefined;

  /** Whether the share is used up; it is renewed once the event loop has turned to the other plugins. */
  get isOver(): boolean {
    if (!this.#isUsedUp()) return false;
    void this.#renew();
    return true;
  }

  take(): void {
    this.#began ??= performance.now();
    this.#left -= 1;
  }

  /** Takes of the share, of a later turn's where this one's is used up. */
  async await(): Promise<void> {
    while (this.#isUsedUp()) await this.#renew();
    this.take();
  }

  #isUsedUp(): boolean {
    return this.#left <= 0 || (this.#began !== undefined && performance.now() - this.#began > TURN_MS);
  }

  #renew(): Promise<void> {
    this.#renewal ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#left = REQUESTS_PER_TURN;
        this.#began = undefined;
        this.#renewal = undefined;
        resolve();
      });
    });
    return this.#renewal;
  }
}
