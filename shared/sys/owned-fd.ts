// A file descriptor with one owner. Runs everywhere; outside this folder no bare number stands for a descriptor's owner.
import { bindOnce } from './libc.js';

const close = bindOnce('int close(int fd)');

/**
 * Owns a descriptor: closes it once, when disposed, unless released before.
 *
 * close(2): after an error, EINTR included, the number is free all the same, so no error is retried.
 */
export class OwnedFd {
  #fd: number;

  /** @param fd an open descriptor that nobody else closes */
  constructor(fd: number) {
    if (!Number.isInteger(fd) || fd < 0) throw new RangeError(`Not a descriptor: ${fd}`);
    this.#fd = fd;
  }

  /** The number, for the length of one call. Throws once the descriptor is gone. */
  get number(): number {
    if (this.#fd < 0) throw new RangeError('The descriptor is closed or has a new owner');
    return this.#fd;
  }

  get open(): boolean {
    return this.#fd >= 0;
  }

  /** Hands the number to a new owner. */
  release(): number {
    const fd = this.number;
    this.#fd = -1;
    return fd;
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    close(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
