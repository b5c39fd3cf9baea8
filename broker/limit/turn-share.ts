// A plugin's share of one turn of the event loop, however many channels and waiting requests it has. Runs in the broker.
import { REQUESTS_PER_TURN, TURN_MS } from '../../shared/limits.js';

const NEVER = new Promise<never>(() => {});

/** Counts requests and the time since the first. After REQUESTS_PER_TURN or TURN_MS the share is used up until the event loop has turned. */
export class TurnShare {
  #left: number = REQUESTS_PER_TURN;
  #began: number | undefined;
  #renewal: Promise<void> | undefined;
  #stopped = false;
  /** Who has had a chance in this turn, and who has not. */
  readonly #served = new Set<object>();
  readonly #denied = new Set<object>();
  /** Who had none in the last turn. Nobody else takes in this one. */
  readonly #first = new Set<object>();
  readonly #now: () => number;
  /** Called for each request that is taken. */
  onTake: () => void = () => {};

  /** @param now a monotonic clock, in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Nothing more is taken, for good. */
  stop(): void {
    this.#stopped = true;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /**
   * Whether the share is used up. The end of the turn renews it. Then those come first who had no chance now: a plugin with many calls does not keep
   * its own channels and look-ups waiting.
   *
   * @param taker a channel, a trap or a socket of the plugin: always the same object for the same one
   */
  isOverFor(taker: object): boolean {
    if (this.#stopped) return true;
    if (!this.#isUsedUp() && (this.#first.size === 0 || this.#first.has(taker))) {
      this.#served.add(taker);
      return false;
    }
    if (!this.#served.has(taker))
      // protects: G8 a plugin with many calls keeps its own look-ups and channels => void taker;
      this.#denied.add(taker);
    void this.#renew();
    return true;
  }

  take(): void {
    this.#began ??= this.#now();
    this.#left -= 1;
    // An immediate runs once in a turn. The loop may call a taker more often: libuv polls again while very much is ready.
    void this.#renew();
    this.onTake();
  }

  /** Takes from this turn's share, or from a later one's if this one is used up. It waits for good once no more is taken. */
  async await(): Promise<void> {
    while (this.#stopped || this.#isUsedUp()) await (this.#stopped ? NEVER : this.#renew());
    this.take();
  }

  #isUsedUp(): boolean {
    return this.#left <= 0 || (this.#began !== undefined && this.#now() - this.#began > TURN_MS);
  }

  #renew(): Promise<void> {
    this.#renewal ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#renewal = undefined;
        this.#renewNow();
        resolve();
      });
    });
    return this.#renewal;
  }

  #renewNow(): void {
    this.#left = REQUESTS_PER_TURN;
    this.#began = undefined;
    this.#served.clear();
    this.#first.clear();
    for (const taker of this.#denied) this.#first.add(taker);
    this.#denied.clear();
  }
}
