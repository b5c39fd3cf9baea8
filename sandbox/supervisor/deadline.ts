// One time limit for several steps in a row.

export class Deadline {
  readonly #expired: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  /** @param error what a step that is under way when the time has passed rejects with */
  constructor(milliseconds: number, error: Error) {
    let expire: (error: Error) => void = () => {};
    this.#expired = new Promise((_, reject) => {
      expire = reject;
    });
    this.#expired.catch(() => {});
    this.#timer = setTimeout(() => expire(error), milliseconds);
  }

  race<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#expired]);
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}
