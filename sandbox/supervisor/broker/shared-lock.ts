// Work that may run beside other work of its kind, and work that must run alone.

export class SharedLock {
  readonly #shared = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();

  /** Runs beside other shared work, and after work that asked earlier to run alone. @throws what the work throws */
  async shared<T>(work: () => Promise<T>): Promise<T> {
    for (let last: unknown; last !== this.#alone; await this.#alone) last = this.#alone;
    const running = work();
    const over = running.catch(() => {}).finally(() => this.#shared.delete(over));
    this.#shared.add(over);
    return running;
  }

  /** Runs once all earlier work is over. @throws what the work throws */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#alone.then(() => Promise.all(this.#shared)).then(work);
    this.#alone = running.catch(() => {});
    return running;
  }
}
