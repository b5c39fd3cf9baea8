// Whether a plugin that ended is started again, and how long it waits before. Pure.
import type { RestartConfig } from '../../shared/config/plugin-config.js';

/** One run of a plugin that is over. */
export interface Run {
  /** It never started, ended with another status than 0, or was killed. */
  readonly failed: boolean;
  /** From its execve. */
  readonly milliseconds: number;
}

/**
 * @param restarts how many there have been since it last ran for `resetAfterMs`
 * @returns the wait in milliseconds and the new count; undefined where it has ended for good
 */
export function nextRestart(
  config: RestartConfig,
  run: Run,
  restarts: number,
): { readonly delayMs: number; readonly restarts: number } | undefined {
  if (config.policy === 'no' || (config.policy === 'on-failure' && !run.failed)) return undefined;
  const so = run.milliseconds >= config.resetAfterMs ? 0 : restarts;
  // 2 ** 30 is past every bound, and still a number.
  const delayMs = Math.min(
    config.delayMs * 2 ** Math.min(so, 30),
    Math.max(config.delayMs, config.maxDelayMs),
  );
  return { delayMs, restarts: so + 1 };
}
