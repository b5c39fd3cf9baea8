// The result of one check of `postern doctor`.
import type { HostFacts } from './host-facts.js';

/**
 * `missing`: postern cannot run without it. `degraded`: postern runs, with one protection or feature less; the fix names it.
 */
export type CheckState = 'ok' | 'missing' | 'degraded';

export interface Outcome {
  readonly state: CheckState;
  /** The value that was read, with its name. */
  readonly found: string;
  /** What to do, in lines of text. It rests on what was found, never on a guess. */
  readonly fix?: string | undefined;
  /** It follows from another check that failed, and is not counted beside that one. */
  readonly follows?: boolean;
}

export interface Check extends Outcome {
  readonly name: string;
  readonly needed: string;
}

/** A check that needs no trial: a pure function of what was read. */
export interface HostCheck extends Pick<Check, 'name' | 'needed'> {
  readonly judge: (facts: HostFacts) => Outcome;
}

export const ok = (found: string): Outcome => ({ state: 'ok', found });
export const missing = (found: string, fix?: string): Outcome => ({ state: 'missing', found, fix });
export const degraded = (found: string, fix: string): Outcome => ({ state: 'degraded', found, fix });
export const following = (found: string, fix?: string): Outcome => ({
  ...missing(found, fix),
  follows: true,
});
