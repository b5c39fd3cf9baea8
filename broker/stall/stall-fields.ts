// The memory that a guarded thread shares with the watchdog. Runs in the broker, on all of its threads.
import type { Looks } from './judge-stall.js';

/**
 * Where each field stands. `alarm` is 0 while no guarded work is under way, and NO_ALARM if nothing is to be ended. `work` counts the
 * guarded pieces of work. `looks`, `held` and `excused` are those of Looks, for the present one; times are in milliseconds.
 */
export const STALL_FIELDS = {
  alarm: 0,
  work: 1,
  limit: 2,
  killed: 3,
  looks: 4,
  held: 5,
  excused: 6,
  allowance: 7,
  caller: 8,
  count: 9,
} as const;

export const NO_ALARM = -1;

/** A thread that the watchdog watches. */
export interface WatchedThread {
  readonly tid: number;
  readonly fields: Int32Array;
}

export function stallFields(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4 * STALL_FIELDS.count));
}

export function looksOf(fields: Int32Array): Looks {
  return {
    looks: Atomics.load(fields, STALL_FIELDS.looks),
    heldMs: Atomics.load(fields, STALL_FIELDS.held),
    excusedMs: Atomics.load(fields, STALL_FIELDS.excused),
  };
}
