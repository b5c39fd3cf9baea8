// Bytes that a terminal has not taken yet. Runs in the supervisor.
import { constants } from 'node:os';
import { writeOnce } from '../../../shared/sys/fcntl.js';

const { EAGAIN } = constants.errno;

export class PendingBytes {
  #bytes = new Uint8Array(0);

  get length(): number {
    return this.#bytes.length;
  }

  add(more: Uint8Array): void {
    const both = new Uint8Array(this.#bytes.length + more.length);
    both.set(this.#bytes);
    both.set(more, this.#bytes.length);
    this.#bytes = both;
  }

  /**
   * Writes what the terminal takes now. What a terminal that is gone does not take is dropped.
   *
   * @param fd a non-blocking descriptor
   * @returns whether any of it is gone from here
   */
  writeTo(fd: number): boolean {
    if (this.#bytes.length === 0) return false;
    const written = writeOnce(fd, this.#bytes);
    if (written === -EAGAIN) return false;
    this.#bytes = this.#bytes.slice(written < 0 ? this.#bytes.length : written);
    return true;
  }
}
