// A file descriptor with one owner. Runs in every process. Outside this folder a bare number never owns a descriptor.
import { close } from './libc.js';

/**
 * Owns a descriptor. Closes it once when disposed, unless it is released before.
 *
 * After an error of close(2), even EINTR, the number is free, so there is no retry.
 */
export class OwnedFd {
  #fd: number;
  #onGone: (() => void) | undefined;

  /** @param fd an open descriptor that nobody else closes */
  constructor(fd: number) {
    if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`Not a descriptor: ${fd}`);
    this.#fd = fd;
  }

  /** The number, for the length of one call. Throws if the descriptor is gone. */
  get number(): number {
    if (this.#fd < 0) throw new RangeError('The descriptor is closed or has a new owner');
    return this.#fd;
  }

  get open(): boolean {
    return this.#fd >= 0;
  }

  /** Calls back once, when the descriptor is closed or has a new owner. It replaces the former callback. */
  whenGone(callback: () => void): void {
    this.#onGone = callback;
  }

  /** Hands the number to a new owner. */
  release(): number {
    const fd = this.number;
    this.#fd = -1;
    this.#onGone?.();
    return fd;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    close(fd);
    this.#onGone?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
