// Bounds what ends that do not come about cost the broker, for one plugin. Connections that were not found wait together for the next search, and
// delay no other one. A plugin that makes ever new ones uses its time up, and is ended. Runs in the broker.
import { TokenBucket } from '../../shared/token-bucket.js';

/** Processor time in which the broker looks for the holders of connections: at once, and in vain, regained in so many times as long. */
export const SEARCH_MS = 1_000;
const PAUSE_FACTOR = 10;

export class VainSearches {
  readonly #time = new TokenBucket(SEARCH_MS / PAUSE_FACTOR, SEARCH_MS);
  readonly #unfound = new Set<bigint>();
  #until = 0;

  /** Milliseconds until the connections are looked for again that were not found. */
  get pauseMs(): number {
    return Math.max(0, this.#until - performance.now());
  }

  isDue(cookie: bigint): boolean {
    return (
      /* protects: G8 an end that does not come about takes a part of the broker's time => true */ this
        .pauseMs === 0 || !this.#unfound.has(cookie)
    );
  }

  /** A search has not found these. @returns whether the time of the plugin is used up */
  note(cookies: Iterable<bigint>, searchedMs: number): boolean {
    if (this.pauseMs === 0) {
      this.#unfound.clear();
      this.#until = performance.now() + PAUSE_FACTOR * searchedMs;
    }
    for (const cookie of cookies) this.#unfound.add(cookie);
    return !this.#time.take(searchedMs);
  }
}
