// Bounds what ends that do not come about cost the broker, for one plugin. Connections that were not found wait together for the next search, and
// delay no other one. One that had carried nothing waits until it is used: then its program has it, and a search finds it. A plugin that makes ever new
// ones uses its time up, and is ended. Runs in the broker.
import { CONNECTION_SLOTS } from '../../shared/limits.js';
import { TokenBucket } from '../../shared/token-bucket.js';

/** Processor time in which the broker looks for the holders of connections: at once, and in vain, regained in so many times as long. */
export const SEARCH_MS = 1_000;
const PAUSE_FACTOR = 10;

export class VainSearches {
  readonly #time = new TokenBucket(SEARCH_MS / PAUSE_FACTOR, SEARCH_MS);
  readonly #unfound = new Set<bigint>();
  /** They had carried nothing when a search did not find them. No search is made for them until they have. */
  readonly #unused = new Set<bigint>();
  #until = 0;

  /** Milliseconds until the connections are looked for again that were not found. */
  get pauseMs(): number {
    return Math.max(0, this.#until - performance.now());
  }

  isDue(cookie: bigint): boolean {
    return (
      !this.isUnused(cookie) &&
      /* protects: G8 an end that does not come about takes a part of the broker's time => true */ (this
        .pauseMs === 0 ||
        !this.#unfound.has(cookie))
    );
  }

  isUnused(cookie: bigint): boolean {
    return this.#unused.has(cookie);
  }

  /** A search has not found them, and they have carried nothing. */
  noteUnused(cookies: readonly bigint[]): void {
    // Some of them have ended since.
    if (this.#unused.size > CONNECTION_SLOTS) this.#unused.clear();
    for (const cookie of cookies) this.#unused.add(cookie);
  }

  /** They have carried something by now. */
  noteUsed(cookies: readonly bigint[]): void {
    for (const cookie of cookies) {
      this.#unused.delete(cookie);
      this.#unfound.delete(cookie);
    }
  }

  /** A search that did not wait has found what it looked for. @returns whether the time of the plugin is used up */
  charge(searchedMs: number): boolean {
    return !this.#time.take(searchedMs);
  }

  /** A search has not found these. @returns whether the time of the plugin is used up */
  note(cookies: Iterable<bigint>, searchedMs: number): boolean {
    if (this.pauseMs === 0) {
      this.#unfound.clear();
      this.#until = performance.now() + PAUSE_FACTOR * searchedMs;
    }
    for (const cookie of cookies) this.#unfound.add(cookie);
    return this.charge(searchedMs);
  }
}
