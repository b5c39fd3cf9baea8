// Reports to the counters of connections which sockets have ended. Runs in the broker. The kernel reports every TCP socket that ends in the
// broker's network namespace, so this is opened only for the first plugin whose connections are limited.
import { SocketDiag } from '../../shared/sys/socket-diag.js';
import { READABLE, Watch } from '../../shared/sys/uv-poll.js';

/** Counts connections. */
export interface SocketCounter {
  /** A socket has ended: a plugin's, or any other of the host. */
  socketEnded(cookie: bigint): void;
  /** Sockets have ended that the kernel could not report. */
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

  /** Takes the kernel's reports so far, or the first part of them if they are many. */
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
