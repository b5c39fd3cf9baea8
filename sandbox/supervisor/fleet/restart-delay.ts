// Decides whether an ended plugin is started again, and after how long. Pure.
import type { RestartConfig } from '../../../shared/config/plugin-config.js';

/** A run of a plugin that has ended. */
export interface Run {
  /** It did not start, ended with a status other than 0, or was killed. */
  readonly failed: boolean;
  /** Counted from its execve(2). */
  readonly milliseconds: number;
}

/**
 * @param restarts the number of restarts since it last ran for `resetAfterMs`
 * @returns the delay in milliseconds and the new count; undefined where it has ended for good
 */
export function nextRestart(
  config: RestartConfig,
  run: Run,
  restarts: number,
): { readonly delayMs: number; readonly restarts: number } | undefined {
  if (config.policy === 'no' || (config.policy === 'on-failure' && !run.failed)) return undefined;
  const so = run.milliseconds >= config.resetAfterMs ? 0 : restarts;
  return { delayMs: waitBefore(config, so), restarts: so + 1 };
}

/**
 * The wait after a start for which the host had no room. The plugin did nothing wrong, so its policy and its own restarts do not count.
 *
 * @param shortages the number of such starts in a row before this one
 */
export function waitAfterShortage(config: RestartConfig, shortages: number): number {
  return waitBefore(config, shortages);
}

function waitBefore({ delayMs, maxDelayMs }: RestartConfig, times: number): number {
  // 2 ** 30 is above every bound, and still an exact number.
  return Math.min(delayMs * 2 ** Math.min(times, 30), Math.max(delayMs, maxDelayMs));
}
