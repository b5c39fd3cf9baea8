// While a question of postern's is at the terminal: what is typed answers it, and what the plugin writes waits. So the plugin neither sees the
// answer, nor writes over the question. Runs in the supervisor.

import { constants } from 'node:os';
import { writeOnce } from '../../../shared/sys/fcntl.js';

/** Ctrl-C, Ctrl-Z and Ctrl-\ in raw mode. They are for the plugin, as always. */
const SIGNAL_KEYS: readonly number[] = [3, 26, 28];

/** Takes what is typed. */
export type TakeTyped = (bytes: Uint8Array) => void;

export class QuestionHold {
  /** Whether the user's terminal shows what is typed by itself. In raw mode nothing does. */
  readonly echoes: boolean;
  /** Whether a question can be answered here at all: not at the terminal of another session. */
  readonly possible: boolean;
  readonly #onChange: () => void;
  #take: TakeTyped | undefined;

  constructor({ alone, possible }: { alone: boolean; possible: boolean }, onChange: () => void) {
    this.echoes = !alone;
    this.possible = possible;
    this.#onChange = onChange;
  }

  get active(): boolean {
    return this.#take !== undefined;
  }

  /** @returns what ends it */
  begin(take: TakeTyped): () => void {
    this.#take = take;
    this.#onChange();
    return () => {
      if (this.#take !== take) return;
      this.#take = undefined;
      this.#onChange();
    };
  }

  /** @returns what of the typed bytes is for the plugin; undefined if there is no question */
  offer(bytes: Uint8Array): Uint8Array | undefined {
    const take = this.#take;
    if (take === undefined) return undefined;
    const isSignal = (byte: number): boolean => !this.echoes && SIGNAL_KEYS.includes(byte);
    take(bytes.filter((byte) => !isSignal(byte)));
    // protects: G20 what is typed at a question does not reach the program => return bytes;
    return bytes.filter(isSignal);
  }
}

// Bytes that a terminal has not taken yet.

const { EAGAIN } = constants.errno;

export class PendingBytes {
  #bytes: Uint8Array = new Uint8Array(0);

  get length(): number {
    return this.#bytes.length;
  }

  add(more: Uint8Array): void {
    this.#bytes = Buffer.concat([this.#bytes, more]);
  }

  putFirst(more: Uint8Array): void {
    this.#bytes = Buffer.concat([more, this.#bytes]);
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
