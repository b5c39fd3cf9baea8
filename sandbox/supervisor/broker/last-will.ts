// What a broker that was replaced in order leaves to the next one. Runs in the supervisor.
import type { GivenNames } from './given-names.js';

export interface LastWill {
  /** What its DNS gave each sandbox. */
  readonly names: GivenNames;
  /** Sessions of channels with requests that have no answer. */
  readonly unanswered: ReadonlySet<number>;
}
