// What is fuzzed: a reader of foreign bytes with an oracle. A finding is whatever `run` throws.
import type { chance } from './hostile-frame.js';

export type Pick = ReturnType<typeof chance>;

export interface FuzzTarget {
  /** Also the folder of its corpus. */
  readonly name: string;
  readonly maxBytes: number;
  /** An input that takes longer, each time it is tried, is a finding. */
  readonly slowMs: number;
  /** What the format is made of: mutations put these in. */
  readonly tokens: readonly (string | Uint8Array)[];
  /** An input made from nothing, where chance alone seldom gets past the first check. */
  readonly generate?: (pick: Pick) => Uint8Array;
  /**
   * @param bytes owned by this call
   * @returns what sort of outcome it was: an input with a new one is kept
   */
  readonly run: (bytes: Uint8Array) => string | Promise<string>;
  readonly close?: () => void | Promise<void>;
}
