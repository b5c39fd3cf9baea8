// What a plugin is doing, as the operator sees it.
import type { PluginEnd } from '../start/sandbox.js';

/**
 * `waiting`: for the plugins that it comes after. `pausing`: before its next start. `stopping`: by the operator, a reload or its own word. `stopped`: by the operator, until it is started again. `ended`: for
 * good. `failed`: for good, and not well.
 */
const STATE_WORDS = [
  'waiting',
  'starting',
  'running',
  'pausing',
  'stopping',
  'stopped',
  'ended',
  'failed',
] as const;
export type StateWord = (typeof STATE_WORDS)[number];

export interface PluginState {
  readonly name: string;
  readonly state: StateWord;
  /** For how long, in milliseconds. */
  readonly ageMs: number;
  /** Whether its current run is ready; of a job, whether it ended well. */
  readonly isReady: boolean;
  /** Of the first process, on the host, while it runs. */
  readonly pid: number | undefined;
  /** What its current run last said about itself, for the operator; undefined: nothing. */
  readonly status?: string | undefined;
  /** How often its program began. */
  readonly starts: number;
  /** How its last run ended, or why its last start failed. */
  readonly lastEnd: PluginEnd | undefined;
  readonly lastFailure: string | undefined;
  /** When it starts again, in milliseconds from now, while it is `pausing`. */
  readonly startsInMs: number | undefined;
}
