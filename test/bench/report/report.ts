// A whole run, and what docs/performance.json keeps of runs.
import type { Host } from '../host.js';
import type { MeasureResult } from '../summarize.js';

/** A measure with the host that it ran on. */
export interface Recorded extends MeasureResult {
  readonly host: Host;
}

export interface Report {
  readonly quick: boolean;
  readonly measures: readonly Recorded[];
  /** Measures that did not get to their end. */
  readonly failed: readonly { readonly name: string; readonly why: string }[];
}
