// Notes when this program, which is idle most of the time, had no processor: what is judged by time had none either.
import type { Span } from './judge.js';

const LOOK_MS = 50;
const PAUSE_S = 0.3;

/** @param now seconds of CLOCK_MONOTONIC @returns the pauses so far, each longer than {@link PAUSE_S} */
export function watchPauses(now: () => number): readonly Span[] {
  const pauses: Span[] = [];
  let last = now();
  setInterval(() => {
    const looked = now();
    if (looked - last > PAUSE_S) pauses.push([last, looked]);
    last = looked;
  }, LOOK_MS).unref();
  return pauses;
}
