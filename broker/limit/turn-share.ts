// A plugin's share of one turn of the event loop, however many channels and waiting requests it has. Runs in the broker.
import { REQUESTS_PER_TURN, TURN_MS } from '../../shared/limits.js';

/** Counts requests and the time since the first. After REQUESTS_PER_TURN or TURN_MS the share is used up until the event loop has turned. */
export class TurnShare {
  #left: number = REQUESTS_PER_TURN;
  #began: number | undefined;
  #renewal: Promise<void> | undefined;
  /** Called for each request that is taken. */
  onTake: () => void = () => {};

  /** Whether the share is used up. If so it is renewed once the other plugins have had their turn. */
  get isOver(): boolean {
    if (!this.#isUsedUp()) return false;
    void this.#renew();
    return true;
  }

  take(): void {
    this.#began ??= performance.now();
    this.#left -= 1;
    this.onTake();
  }

  /** Takes from this turn's share, or from a later one's if this one is used up. */
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
