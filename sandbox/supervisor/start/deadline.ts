// A time limit for several steps in a row.

/** A stop of this process (Ctrl-Z, SIGSTOP) counts no longer than this. */
const STEP_MS = 500;

export class Deadline {
  readonly #expired: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  /** @param error the rejection of the step that is under way when the time has passed */
  constructor(milliseconds: number, error: Error) {
    let expire: (error: Error) => void = () => {};
    this.#expired = new Promise((_, reject) => {
      expire = reject;
    });
    this.#expired.catch(() => {});
    let left = milliseconds;
    this.#timer = setInterval(() => {
      left -= STEP_MS;
      if (left <= 0) expire(error);
    }, STEP_MS);
  }

  race<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#expired]);
  }

  cancel(): void {
    clearInterval(this.#timer);
  }
}
