// Decides how long a plugin has made a thread of the broker wait. Runs in the broker, on all of its threads. Each look of the watchdog
// stands for STALL_CHECK_MS, so a stall that nobody saw blames nobody, and a suspended machine does not count.
import { STALL_CHECK_MS } from '../../shared/limits.js';

/** How many looks of the watchdog must find a thread held. */
const STALL_LEAST_LOOKS = 2;

/** What the watchdog saw of one step. */
interface Looks {
  readonly looks: number;
  /** The time in which the thread waited for the plugin, or the kernel worked for the thread. */
  readonly heldMs: number;
  /** The time in which the thread waited while the plugin itself waited for a processor. No time is both. */
  readonly excusedMs: number;
}

/**
 * The milliseconds that the plugin is to blame for, or 0.
 *
 * - A step in which the broker's thread mostly had no processor is no stall.
 * - A plugin cannot help that its threads wait for a processor. But it can make such waiting itself, so no more than the allowance is
 *   excused.
 *
 * @param allowanceMs how much waiting is excused
 */
export function blamedMs({ looks, heldMs, excusedMs }: Looks, allowanceMs: number): number {
  const pardoned = /* protects: G9 excused waiting has an allowance => excusedMs */ Math.min(
    excusedMs,
    Math.max(0, allowanceMs),
  );
  const blamed =
    /* protects: G9 a plugin is not blamed while it waits for a processor itself => heldMs + excusedMs */ heldMs +
    excusedMs -
    pardoned;
  if (blamed < STALL_LEAST_LOOKS * STALL_CHECK_MS || 2 * blamed < looks * STALL_CHECK_MS - pardoned) return 0;
  return blamed;
}

// The memory that a guarded thread shares with the watchdog. Runs in the broker, on all of its threads.

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
