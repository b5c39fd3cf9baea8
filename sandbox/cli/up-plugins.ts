// Starts the plugins of `up`, prints their output line by line, and says how each one ended.
import { describeProblem } from '../../shared/config/config-problem.js';
import type { Config } from '../../shared/config/load-config.js';
import { PosternError } from '../../shared/errors.js';
import { problemOf } from '../supervisor/files/start-problem.js';
import type { PluginStarter, PluginWatcher } from '../supervisor/fleet/plugin-keeper.js';
import type { PluginEnd } from '../supervisor/start/sandbox.js';
import { captureStreams, type StandardStreams } from '../supervisor/start/standard-streams.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import { limitOutput } from './limit-output.js';
import { placed } from './load-checked.js';
import type { PluginLines } from './plugin-lines.js';
import { describeError, say } from './say.js';

export function starterOf(supervisor: Supervisor, lines: Pick<PluginLines, 'write'>): PluginStarter {
  return {
    start: async (plugin, cause) => {
      const output = limitOutput<'stdout' | 'stderr'>(
        plugin.limits.logLinesPerSecond,
        (stream, line) => lines.write(plugin.name, stream, line),
        (dropped) => {
          supervisor.linesDropped(plugin.name, dropped);
          say(`${plugin.name}: ${dropped} more lines within a second are left out (log_lines_per_second)`);
        },
      );
      let streams: StandardStreams | undefined;
      const capture = (): StandardStreams => {
        streams = captureStreams(output.line);
        return streams;
      };
      const sandbox = await supervisor.startPlugin(plugin, capture, cause);
      const drained = async (): Promise<void> => {
        await streams?.drained();
        output.flush();
      };
      return {
        pid: sandbox.pid,
        ended: sandbox.ended.then((end) => drained().then(() => end)),
        ready: supervisor.pluginReady(plugin, sandbox),
        notices: sandbox.notices,
      };
    },
    stop: ({ name, stop }) => supervisor.stopPlugin(name, stop),
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
