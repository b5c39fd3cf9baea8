// A plugin's share of the event loop, whatever the number of its channels and of its requests that wait. Runs in the
// broker.
import { REQUESTS_PER_TURN } from '../shared/limits.js';

/** Counts requests; past REQUESTS_PER_TURN of them the event loop has to have turned. */
export class TurnShare {
  #left: number = REQUESTS_PER_TURN;
  #renewal: Promise<void> | undefined;

  /** Whether the share is used up; it is renewed once the event loop has turned to the other plugins. */
  get isOver(): boolean {
    if (this.#left > 0) return false;
    void this.#renew();
    return true;
  }

  take(): void {
    this.#left -= 1;
  }

  /** Takes of the share, of a later turn's where this one's is used up. */
  async await(): Promise<void> {
    while (this.#left <= 0) await this.#renew();
    this.take();
  }

  #renew(): Promise<void> {
    this.#renewal ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#left = REQUESTS_PER_TURN;
        this.#renewal = undefined;
        resolve();
      });
    });
    return this.#renewal;
  }
}
