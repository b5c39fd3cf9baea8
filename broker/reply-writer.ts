// The sending side of a channel: replies leave in order, at once where the plugin reads. Runs in the broker.
// A plugin that does not read makes replies wait here; serve-plugin.ts then reads no further request of it.
import { REPLY_BACKLOG } from '../shared/limits.js';
import { sendMessage } from '../shared/sys/message.js';
import type { OwnedFd } from '../shared/sys/owned-fd.js';
import { errnoName } from '../shared/sys/system-error.js';
import { Watch, WRITABLE } from '../shared/sys/uv-poll.js';

interface WaitingReply {
  readonly bytes: Uint8Array;
  readonly descriptor: OwnedFd | undefined;
  readonly sent: (left: boolean) => void;
}

/** Owns the broker's end of a reply socket. */
export class ReplyWriter {
  readonly #socket: OwnedFd;
  readonly #onDrain: () => void;
  readonly #onBroken: (code: string) => void;
  readonly #waiting: WaitingReply[] = [];
  #watch: Watch | undefined;

  /**
   * @param onDrain no reply waits any more
   * @param onBroken the plugin has closed its end: the channel is of no more use
   */
  constructor(socket: OwnedFd, onDrain: () => void, onBroken: (code: string) => void) {
    this.#socket = socket;
    this.#onDrain = onDrain;
    this.#onBroken = onBroken;
  }

  get isFull(): boolean {
    return this.#waiting.length >= REPLY_BACKLOG;
  }

  /**
   * Sends a reply. The descriptor is closed here once it has left, or cannot.
   *
   * @returns whether it left; a promise where replies wait for the plugin. False with the channel still there means that
   *   too many descriptors are in flight to plugins that do not receive them (ETOOMANYREFS, unix(7))
   */
  send(bytes: Uint8Array, descriptor?: OwnedFd): boolean | Promise<boolean> {
    if (this.#waiting.length === 0) {
      const left = this.#trySend(bytes, descriptor);
      if (left !== undefined) return left;
    }
    return new Promise((resolve) => {
      this.#waiting.push({ bytes, descriptor, sent: resolve });
      this.#startWatch();
    });
  }

  /** Ends the channel for both sides, the supervisor's duplicates included. What waits is dropped. */
  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#socket.close();
    for (const { descriptor, sent } of this.#waiting.splice(0)) {
      descriptor?.close();
      sent(false);
    }
  }

  /** @returns undefined where the plugin has to read first */
  #trySend(bytes: Uint8Array, descriptor: OwnedFd | undefined): boolean | undefined {
    if (!this.#socket.open) {
      descriptor?.close();
      return false;
    }
    const result = sendMessage(
      this.#socket.number,
      bytes,
      descriptor === undefined ? [] : [descriptor.number],
    );
    if (result < 0 && errnoName(-result) === 'EAGAIN') return undefined;
    descriptor?.close();
    if (result < 0 && errnoName(-result) !== 'ETOOMANYREFS') this.#onBroken(errnoName(-result));
    return result >= 0;
  }

  #startWatch(): void {
    if (this.#watch !== undefined || !this.#socket.open) return;
    this.#watch = new Watch(this.#socket.number, () => this.#flush());
    this.#watch.want(WRITABLE);
  }

  #flush(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const left = this.#trySend(next.bytes, next.descriptor);
      if (left === undefined) return;
      // A broken channel has been closed meanwhile, and its queue with it.
      if (this.#waiting[0] === next) this.#waiting.shift();
      next.sent(left);
    }
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#socket.open) this.#onDrain();
  }
}
