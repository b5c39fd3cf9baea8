// Prints the output of the plugins of `up` line by line, and says how each one ended.
import { describeProblem } from '../../shared/config/config-problem.js';
import type { Config } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import type { PluginLogs } from '../supervisor/control/plugin-logs.js';
import { problemOf } from '../supervisor/files/path-problems.js';
import type { PluginWatcher } from '../supervisor/fleet/plugin-keeper.js';
import type { PluginEnd } from '../supervisor/start/sandbox.js';
import { captureStreams, type StandardStreams } from '../supervisor/start/standard-streams.js';
import { limitOutput } from './limit-output.js';
import { placed } from './load-checked.js';
import type { PluginLines } from './plugin-lines.js';
import { describeError, say } from './say.js';

/**
 * @param dropped takes the number of lines that a plugin's limit dropped
 * @returns the streams of a plugin's next run
 */
export function lineStreams(
  { name, limits }: PluginConfig,
  lines: Pick<PluginLines, 'write'>,
  dropped: (plugin: string, lines: number) => void,
): StandardStreams {
  const output = limitOutput<'stdout' | 'stderr'>(
    limits.logLinesPerSecond,
    (stream, line) => lines.write(name, stream, line),
    (count) => {
      dropped(name, count);
      say(`${name}: ${count} more lines within a second are left out (log_lines_per_second)`);
    },
  );
  const streams = captureStreams(output.line);
  const drained = async (): Promise<readonly string[]> => {
    await streams.drained();
    output.flush();
    return [];
  };
  return { ...streams, drained };
}

/** Keeps the last lines of what is printed. */
export function noting(logs: PluginLogs, lines: Pick<PluginLines, 'write'>): Pick<PluginLines, 'write'> {
  return {
    write: (name, output, line) => {
      logs.take(name, output, line);
      return lines.write(name, output, line);
    },
  };
}

/** @param config returns the configuration in force */
export function watcherOf(config: () => Config): PluginWatcher {
  return {
    onEnd: (name, end, delayMs) => say(`${name}: ended with ${describeEnd(end)}${describeDelay(delayMs)}`),
    onFailedStart: (name, error, delayMs) =>
      say(`${name}: ${describeFailedStart(config(), name, error)}${describeDelay(delayMs)}`),
  };
}

/** With the place in the file, as `check` names it, where the file is at fault. */
function describeFailedStart(config: Config, name: string, error: unknown): string {
  return error instanceof PosternError && error.fields['key'] !== undefined
    ? describeProblem(placed(config, problemOf(name, error)))
    : describeError(error).join('; ');
}

function describeEnd(end: PluginEnd): string {
  return end.kind === 'exited' ? `status ${end.status}` : `signal ${end.signal}`;
}

function describeDelay(delayMs: number | undefined): string {
  return delayMs === undefined ? '' : `; starts again in ${delayMs / 1000} s`;
}
