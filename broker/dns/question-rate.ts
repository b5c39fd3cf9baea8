// The rate of one sandbox's questions, by UDP and TCP together (`questions_per_second`). Runs in the broker. A question past the rate is not
// dropped, since its program would wait some seconds before it asks again. It waits where the sandbox has put it: a datagram in the kernel's
// buffer, a connection in the backlog, a message in the one connection that it came by. All three are bounded. A share is given to those that
// wait in their order, so no socket of the sandbox keeps the others waiting, and no timer runs while nothing waits.
import { QUESTION_BURST_FACTOR } from '../../shared/limits.js';
import { TokenBucket } from '../../shared/token-bucket.js';

export class QuestionRate {
  readonly #shares: TokenBucket;
  readonly #onWait: () => void;
  #waiting: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param onWait called for each time that a socket has to wait @param now a monotonic clock, in ms */
  constructor(perSecond: number, onWait: () => void, now?: () => number) {
    this.#shares = new TokenBucket(
      perSecond,
      /* protects: G8 trap: questions are bounded in a second => 1e9 */ QUESTION_BURST_FACTOR * perSecond,
      now,
    );
    this.#onWait = onWait;
  }

  /** Whether a question may be taken now. Others that wait come first. */
  get isLeft(): boolean {
    return (
      /* protects: G8 trap: who waits for the rate comes first */ this.#waiting.length === 0 &&
      this.#shares.owedMs <= 0
    );
  }

  take(): void {
    this.#shares.take();
  }

  /** @param begin called in its turn, with a share taken */
  await(begin: () => void): void {
    this.#onWait();
    // protects: G8 trap: a question past the rate waits for its share
    this.#waiting.push(begin);
    this.#plan();
  }

  /** What waits is not begun any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #plan(): void {
    if (this.#waiting.length === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // The timer may come early.
      while (this.#waiting.length > 0 && this.#shares.take()) this.#waiting.shift()?.();
      this.#plan();
    }, this.#shares.owedMs);
  }
}
