// Tells those who count connections which sockets have ended. Opened with the first plugin whose connections are limited: every TCP
// socket that ends in the broker's network namespace is told of, and looked at. Runs in the broker.
import { SocketDiag } from '../../shared/sys/socket-diag.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';

/** Who counts. */
export interface SocketCounter {
  /** A socket has ended, whosever it was. */
  socketEnded(cookie: bigint): void;
  /** Some have ended that are not told. */
  endsLost(): void;
}

export class SocketEnds {
  readonly #counters = new Set<SocketCounter>();
  readonly #diag = new SocketDiag();
  readonly #watch: Watch;

  constructor() {
    this.#watch = new Watch(this.#diag.ended.number, () => this.take());
    this.#watch.keepAlive(false);
    this.#watch.want(READABLE);
  }

  add(counter: SocketCounter): void {
    this.#counters.add(counter);
  }

  remove(counter: SocketCounter): void {
    this.#counters.delete(counter);
  }

  /** Takes what the kernel has to tell so far, a part of it where that is much. */
  take(): void {
    const ended = this.#diag.takeEnded();
    for (const counter of this.#counters) {
      if (ended === 'lost') counter.endsLost();
      else for (const cookie of ended) counter.socketEnded(cookie);
    }
  }

  /** See {@link SocketDiag.areHeld}. */
  areHeld(ids: readonly Uint8Array[]): readonly boolean[] {
    return this.#diag.areHeld(ids);
  }
}
