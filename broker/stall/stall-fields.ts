// The memory that a guarded thread shares with the watchdog. Runs in the broker, on all of its threads.

/**
 * Where each field stands. `work` counts the guarded pieces of work. `looks` counts the watchdog's looks at the present one, and
 * `held` those that found the thread asleep or the kernel at work for it.
 */
export const STALL_FIELDS = {
  alarm: 0,
  work: 1,
  limit: 2,
  killed: 3,
  looks: 4,
  held: 5,
  count: 6,
} as const;

/** A thread that the watchdog watches. */
export interface WatchedThread {
  readonly tid: number;
  readonly fields: Int32Array;
}

export function stallFields(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * STALL_FIELDS.count));
}
