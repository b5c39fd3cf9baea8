// The page of metrics, made once for all clients that wait for it: a crowd of clients costs as much as one. Runs in the supervisor.
import { setTimeout } from 'node:timers/promises';
import { METRICS_PAUSE_MS } from '../../../shared/limits.js';

export class SharedPage {
  readonly #make: () => Promise<string>;
  #page: Promise<Buffer> | undefined;
  /** As performance.now(): the next page is not begun before. */
  #from = 0;

  constructor(make: () => Promise<string>) {
    this.#make = make;
  }

  /** The page that is being made, or the next one. All who wait for it get the same memory. */
  get(): Promise<Buffer> {
    // protects: G8 metrics: a page is made once for all who wait => this.#page = undefined; $&
    this.#page ??= this.#begin().finally(() => {
      this.#page = undefined;
      this.#from = performance.now() + METRICS_PAUSE_MS;
    });
    return this.#page;
  }

  async #begin(): Promise<Buffer> {
    const pause = this.#from - performance.now();
    if (pause > 0) await setTimeout(pause);
    return Buffer.from(await this.#make());
  }
}
