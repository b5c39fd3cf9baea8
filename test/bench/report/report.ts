// A whole run.
import type { Host } from '../host.js';
import type { MeasureResult } from '../summarize.js';

export interface Report {
  readonly host: Host;
  readonly doubts: readonly string[];
  readonly quick: boolean;
  readonly measures: readonly MeasureResult[];
}
