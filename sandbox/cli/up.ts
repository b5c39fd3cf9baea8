// postern up: runs the plugins of a configuration file until the last one has ended for good, or a signal ends them.
import { Command } from 'commander';
import { describeProblem } from '../../shared/config/config-problem.js';
import type { Config } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { OUTPUT_TIMEOUT_MS } from '../../shared/limits.js';
import { processesInAll } from '../host/processes-in-all.js';
import { problemOf } from '../supervisor/files/start-problem.js';
import { PluginGroup } from '../supervisor/plugin-group.js';
import { PluginKeeper, type PluginStarter, type PluginWatcher } from '../supervisor/plugin-keeper.js';
import type { PluginEnd } from '../supervisor/start/sandbox.js';
import { captureStreams, type StandardStreams } from '../supervisor/start/standard-streams.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { describeWarning } from './check-warning.js';
import { configFile } from './config-file.js';
import { isIgnored } from './keep-ignoring.js';
import { limitOutput } from './limit-output.js';
import { loadChecked, placed } from './load-checked.js';
import { asYamlItems } from './pasted-rule.js';
import { PluginLines } from './plugin-lines.js';
import { processWarnings } from './process-warnings.js';
import { limitLines, ownProgram, refusalLine } from './refusal-line.js';
import { describeError, say } from './say.js';
import { unseenLine } from './unseen-line.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

const KILL_AT_ONCE_MS = 1;

interface UpOptions {
  readonly config?: string;
}

export function upCommand(): Command {
  return new Command('up')
    .description('run the plugins of a configuration file')
    .option('--config <file>', 'the file (default: ./postern.yaml)')
    .addHelpText(
      'after',
      `
Examples:
  postern up
  postern up --config /etc/postern.yaml

Ends when the last plugin has ended for good, or on SIGTERM, SIGINT or SIGQUIT.
SIGHUP opens the audit file anew. SIGUSR1 and SIGUSR2 do nothing.
Exit status: 0 where every plugin ended with 0 or was stopped, 1 otherwise, 2 for a bad file or wrong usage.`,
    )
    .action(async ({ config }: UpOptions) => {
      const status = await up(config);
      await writeOut(OUTPUT_TIMEOUT_MS);
      process.exit(status);
    });
}

async function up(named: string | undefined): Promise<number> {
  useWaitingStreams();
  let path: string;
  let config: Config;
  try {
    path = configFile(named);
    config = loadChecked(path);
  } catch (error) {
    say(describeError(error));
    return 2;
  }
  for (const warning of processWarnings(config, processesInAll()))
    say(`warning: ${describeWarning(warning)}`);
  const configs = config.plugins.map((plugin) => plugin.config);
  const supervisor = new Supervisor({
    plugins: configs,
    metrics: config.metrics,
    audit: config.audit,
    auditWhenFull: config.auditWhenFull,
    dnsServers: config.dnsServers,
    ownFiles: config.files,
    onEvent: config.audit === 'stderr' ? undefined : reportRefusals(configs, path),
    onNotice: say,
    onUnseen: (name, unseen) => {
      const show = (paths: readonly string[]): string =>
        `add ${asYamlItems(paths)} to plugins.${name}.filesystem.visible in ${path}`;
      say(`${name}: ${unseenLine(unseen, show)}`);
    },
  });
  const lines = new PluginLines(configs.map(({ name }) => name));
  const starter = starterOf(supervisor, lines);
  const group = new PluginGroup(
    config.plugins.map((plugin) => ({
      keeper: new PluginKeeper(plugin.config, starter, watcherOf(config)),
      after: plugin.after,
    })),
    (name) => supervisor.closeListeners(name),
  );
  const stop = (): void => {
    setTimeout(() => lines.giveUp(), OUTPUT_TIMEOUT_MS);
    // Plugins stop one after the other. Past the time for all of them, the rest are killed.
    const late = setTimeout(() => void supervisor.close(KILL_AT_ONCE_MS), config.stopGraceMs);
    group.stop().then(() => {
      clearTimeout(late);
      return supervisor.close();
    });
  };
  const readers = watchReaders(() => {
    lines.giveUp();
    stop();
  });
  try {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)
      if (!isIgnored(signal)) process.once(signal, stop);
    process.on('SIGHUP', () => supervisor.reopenAudit());
    process.on('SIGUSR2', () => {});
    await supervisor.start();
    return (await group.run()) && !readers.gone() ? 0 : 1;
  } catch (error) {
    say(describeError(error));
    return 1;
  } finally {
    await supervisor.close();
  }
}

/** Ends the plugins when nobody reads their output any more, as behind `| head`. SIGPIPE would end a filter in the same way. */
function watchReaders(stop: () => void): { readonly gone: () => boolean } {
  let gone = false;
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code !== 'EPIPE' || gone) return;
      gone = true;
      say(`nobody reads ${name} any more: the plugins are stopped`);
      stop();
    });
  }
  return { gone: () => gone };
}

function starterOf(supervisor: Supervisor, lines: PluginLines): PluginStarter {
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
      return { ended: sandbox.ended.then((end) => drained().then(() => end)) };
    },
    stop: (name) => supervisor.stopPlugin(name),
  };
}

function watcherOf(config: Config): PluginWatcher {
  return {
    onEnd: (name, end, delayMs) => say(`${name}: ended with ${describeEnd(end)}${describeDelay(delayMs)}`),
    onFailedStart: (name, error, delayMs) =>
      say(`${name}: ${describeFailedStart(config, name, error)}${describeDelay(delayMs)}`),
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

/** Each plugin has its own limit of lines. */
function reportRefusals(
  configs: readonly PluginConfig[],
  path: string,
): NonNullable<ConstructorParameters<typeof Supervisor>[0]['onEvent']> {
  const reports = new Map(configs.map(({ name }) => [name, limitLines((line) => say(`${name}: ${line}`))]));
  const own = new Map(configs.map((config) => [config.name, ownProgram(config)]));
  return (event) => {
    const name = event.plugin;
    const fix = (rule: string): string => `add ${asYamlItems([rule])} to plugins.${name}.allow in ${path}`;
    const line = refusalLine(event, fix, own.get(name));
    if (line !== undefined) reports.get(name)?.(line);
  };
}
