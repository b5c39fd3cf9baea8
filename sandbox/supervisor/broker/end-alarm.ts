// A timer by which the broker asks for the end of one sandbox: it makes the timer run out. Runs in the supervisor, which does the killing. A
// broker that was taken over can end sandboxes by it, and signal no other process.
import type { OwnedFd } from '../../../shared/sys/owned-fd.js';
import { makeTimer } from '../../../shared/sys/timerfd.js';
import { READABLE, Watch } from '../../../shared/sys/uv-poll.js';

/** A sandbox that brokers may ask to end. */
export interface KeptSandbox {
  readonly alarm: EndAlarm;
  /** See SandboxPacket. */
  readonly pidNamespace: string | undefined;
}

export class EndAlarm {
  /** For the broker and its successors. A stray use of its number in the broker harms no other descriptor. */
  readonly timer: OwnedFd;
  readonly #watch: Watch;

  constructor(end: () => void) {
    this.timer = makeTimer();
    this.#watch = new Watch(this.timer.number, () => {
      this.#watch.close();
      // protects: G16 a sandbox is ended when the broker asks for it
      end();
    });
    this.#watch.keepAlive(false);
    this.#watch.want(READABLE);
  }

  close(): void {
    this.#watch.close();
    this.timer.close();
  }
}
