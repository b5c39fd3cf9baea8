// Writes requests to the pipe: at once while it has room, else after a bounded wait. Runs in the plugin.

import { constants } from 'node:os';
import { MAX_WAITING_REQUESTS } from '../../shared/limits.js';
import { setNonBlocking, writeOnce } from '../../shared/sys/fcntl.js';
import { errnoName } from '../../shared/sys/libc.js';
import type { OwnedFd } from '../../shared/sys/owned-fd.js';
import { Watch, WRITABLE } from '../../shared/sys/uv-poll.js';

const EAGAIN = constants.errno.EAGAIN;

/**
 * Writes requests in order. In packet mode the kernel takes a whole request or nothing. Each request takes a page of the pipe, so
 * sixteen unread ones fill a pipe of the default size.
 *
 * The pipe is made non-blocking, since a full one would stop the event loop. Processes that share the open file description see
 * that too; PROTOCOL.md tells them to expect it.
 */
export class Outbox {
  readonly #pipe: OwnedFd;
  readonly #onBroken: (cause: string) => void;
  readonly #waiting = new Map<number, Uint8Array>();
  #watch: Watch | undefined;

  /** @param onBroken called at most once per write, when the pipe has no reader any more */
  constructor(pipe: OwnedFd, onBroken: (cause: string) => void) {
    this.#pipe = pipe;
    this.#onBroken = onBroken;
    setNonBlocking(pipe.number, true);
  }

  get full(): boolean {
    return this.#waiting.size >= MAX_WAITING_REQUESTS;
  }

  /** Writes a request, or queues it under a key that is not in the queue. It does not check the bound: see `full`. */
  put(key: number, frame: Uint8Array): void {
    if (this.#waiting.size > 0 || !this.#write(frame)) {
      this.#waiting.set(key, frame);
      this.#watch ??= this.#watchPipe();
      this.#watch.want(WRITABLE);
    }
  }

  /** Removes a request from the queue. @returns false where it was written already */
  withdraw(key: number): boolean {
    return this.#waiting.delete(key);
  }

  has(key: number): boolean {
    return this.#waiting.has(key);
  }

  close(): void {
    this.#waiting.clear();
    this.#watch?.close();
    this.#pipe.close();
  }

  #watchPipe(): Watch {
    const watch = new Watch(this.#pipe.number, () => this.#flush());
    watch.keepAlive(false);
    return watch;
  }

  #flush(): void {
    for (const [key, frame] of this.#waiting) {
      if (!this.#write(frame)) return;
      this.#waiting.delete(key);
    }
    this.#watch?.want(0);
  }

  /** @returns false while there is no room */
  #write(frame: Uint8Array): boolean {
    if (!this.#pipe.open) return true;
    const result = writeOnce(this.#pipe.number, frame);
    if (result >= 0) return true;
    if (result === -EAGAIN) return false;
    this.#onBroken(`writing a request failed with ${errnoName(-result)}`);
    return true;
  }
}
