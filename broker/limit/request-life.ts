// The life of one request: from its arrival to its answer, its cancellation or its time limit. Runs in the broker.

/** Why a request ended before its work did. */
export type EarlyEnd = 'canceled' | 'timeout';

/** errno's name of an early end. */
export const EARLY_ERRNO: Readonly<Record<EarlyEnd, 'ECANCELED' | 'ETIMEDOUT'>> = {
  canceled: 'ECANCELED',
  timeout: 'ETIMEDOUT',
};

/**
 * A request in progress. An AbortSignal costs 3 µs and a timer 0.5 µs. Most requests need neither, so both are made only when
 * something has to wait.
 */
export class RequestLife {
  /** From when on the time limit counts, as performance.now(). */
  #since: number = performance.now();
  #held = false;
  readonly #timeoutMs: number;
  #end: EarlyEnd | undefined;
  #onEnd: ((end: EarlyEnd) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #controller: AbortController | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Set once the request has ended early. */
  get ended(): EarlyEnd | undefined {
    return this.#end;
  }

  /** Aborted when the request ends early. The first use starts the time limit. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#end === undefined) this.#arm();
      else this.#controller.abort(this.#end);
    }
    return this.#controller.signal;
  }

  /** Calls back when the request ends early. It replaces the former callback, and starts the time limit. */
  whenEnded(callback: (end: EarlyEnd) => void): void {
    this.#onEnd = callback;
    if (this.#end === undefined) this.#arm();
    else callback(this.#end);
  }

  /** @returns the value, or undefined if the request ends first; the work itself goes on */
  async orEnded<T>(work: Promise<T>): Promise<T | undefined> {
    if (this.#end !== undefined) return undefined;
    const ended = new Promise<undefined>((resolve) => this.whenEnded(() => resolve(undefined)));
    const value = await Promise.race([work, ended]);
    this.#onEnd = undefined;
    return value;
  }

  end(how: EarlyEnd): void {
    if (this.#end !== undefined) return;
    this.#end = how;
    clearTimeout(this.#timer);
    this.#controller?.abort(how);
    const callback = this.#onEnd;
    this.#onEnd = undefined;
    callback?.(how);
  }

  /** The time limit does not count while somebody is asked. */
  hold(): void {
    this.#held = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The time limit counts from now, in full. */
  resume(): void {
    this.#held = false;
    this.#since = performance.now();
    if (this.#end === undefined && (this.#onEnd !== undefined || this.#controller !== undefined)) this.#arm();
  }

  /** The answer is there: nothing ends the request early from now on. */
  settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#onEnd = undefined;
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#held) return;
    const left = Math.max(0, this.#since + this.#timeoutMs - performance.now());
    this.#timer = setTimeout(() => this.end('timeout'), left);
  }
}
