// Keeps the audit log small, whatever a sandbox asks. A refused look-up, or a failure, is a line at once, and its repetitions are one line a
// minute. Past LOGGED_NAMES a minute, all others are one line together. Runs in the broker.
import { LOG_WINDOW_MS, LOGGED_NAMES } from '../../shared/limits.js';

interface Noted<Event> {
  readonly event: Event;
  repetitions: number;
}

export class GatheredLog<Event> {
  readonly #write: (event: Event, times: number, repeated: boolean) => void;
  readonly #writeRest: (times: number) => void;
  readonly #gathered: () => void;
  readonly #noted = new Map<string, Noted<Event>>();
  #rest = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param write writes an event: for how many times, and whether they repeat one that was written
   * @param writeRest writes how many others there were
   * @param gathered called for each of those
   */
  constructor(
    write: (event: Event, times: number, repeated: boolean) => void,
    writeRest: (times: number) => void,
    gathered: () => void = () => {},
  ) {
    this.#write = write;
    this.#writeRest = writeRest;
    this.#gathered = gathered;
  }

  /**
   * @param key what makes two of them equal
   * @returns false for a repetition
   */
  note(key: string, makeEvent: () => Event, times: number = 1): boolean {
    this.#timer ??= setTimeout(() => this.flush(), LOG_WINDOW_MS).unref();
    const known = this.#noted.get(key);
    if (known !== undefined) {
      known.repetitions += times;
      return false;
    }
    if (this.#noted.size >= LOGGED_NAMES) {
      this.#rest += times;
      this.#gathered();
    } else {
      const event = makeEvent();
      this.#noted.set(key, { event, repetitions: 0 });
      this.#write(event, times, false);
    }
    return true;
  }

  /** Writes the gathered lines and begins anew. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { event, repetitions } of this.#noted.values()) {
      if (repetitions > 0) this.#write(event, repetitions, true);
    }
    if (this.#rest > 0) this.#writeRest(this.#rest);
    this.#noted.clear();
    this.#rest = 0;
  }
}
