// The host's monotonic clock, clock_gettime(2) CLOCK_MONOTONIC: no setting of the time changes it, and each broker reads the same.

/** In milliseconds. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
