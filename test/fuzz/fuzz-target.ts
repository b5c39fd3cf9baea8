// A target: a reader of foreign bytes with an oracle. Every error that `run` throws is a finding.
import type { chance } from './hostile-frame.js';

export type Pick = ReturnType<typeof chance>;

export interface FuzzTarget {
  /** Also the folder of its corpus. */
  readonly name: string;
  readonly maxBytes: number;
  /** An input that takes longer, each time it is tried, is a finding. */
  readonly slowMs: number;
  /** Parts of the format, which mutations insert. */
  readonly tokens: readonly (string | Uint8Array)[];
  /** Makes a new input. Random bytes alone seldom pass the first check. */
  readonly generate?: (pick: Pick) => Uint8Array;
  /**
   * @param bytes owned by this call
   * @returns the kind of outcome: an input with a new one is kept
   */
  readonly run: (bytes: Uint8Array) => string | Promise<string>;
  readonly close?: () => void | Promise<void>;
}
