// postern up: runs the plugins of a configuration file until the last one has ended for good, or a signal ends them.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../../shared/config/load-config.js';
import { OUTPUT_TIMEOUT_MS } from '../../shared/limits.js';
import { KeptFleet } from '../operate/kept-fleet.js';
import type { OperatorControl } from '../operate/operator-control.js';
import { PluginLogs } from '../supervisor/control/plugin-logs.js';
import type { SupervisorOptions } from '../supervisor/supervisor-options.js';
import { configFile } from './config-file.js';
import { ConfigInForce, fleetPlugins } from './config-in-force.js';
import { isIgnored } from './keep-ignoring.js';
import { loadChecked } from './load-checked.js';
import { openControl } from './open-control.js';
import { asYamlItems } from './pasted-rule.js';
import { PluginLines } from './plugin-lines.js';
import { reportRefusals } from './report-refusals.js';
import { describeError, say } from './say.js';
import { tellQuestions } from './tell-questions.js';
import { unseenLine } from './unseen-line.js';
import { lineStreams, noting, watcherOf } from './up-plugins.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

interface UpOptions {
  readonly config?: string;
  readonly control?: string;
}

export function upCommand(): Command {
  return new Command('up')
    .description('run the plugins of a configuration file')
    .option('--config <file>', 'the file (default: ./postern.yaml)')
    .option('--control <path>', "the control socket, or off (default: the file's, else that of this user)")
    .addHelpText(
      'after',
      `
Examples:
  postern up
  postern up --config /etc/postern.yaml

Ends when the last plugin has ended for good, or on SIGTERM, SIGINT or SIGQUIT.
SIGHUP reads the file again, and opens the audit file anew.
One that comes during the start does so once the plugins are started. SIGUSR1 and SIGUSR2 do nothing.
Exit status: 0 where every plugin ended with 0 or was stopped, 1 otherwise, 2 for a bad file or wrong usage.`,
    )
    .action(async (options: UpOptions) => {
      const status = await up(options);
      await writeOut(OUTPUT_TIMEOUT_MS);
      process.exit(status);
    });
}

async function up({ config: named, control: socket }: UpOptions): Promise<number> {
  const signals = takeSignals();
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
  // A signal that came meanwhile is heard before anything is opened.
  await new Promise(setImmediate);
  if (signals.stopped) return 0;
  const current = (): Config => inForce.config;
  let control: OperatorControl | undefined;
  try {
    control = openControl(controlPath(socket, config), path);
  } catch (error) {
    say(describeError(error));
    return 1;
  }
  const report = config.audit === 'stderr' ? undefined : reportRefusals(current, path);
  const lines = new PluginLines(() => current().plugins.map((plugin) => plugin.config.name));
  const logs: PluginLogs = new PluginLogs((name) => kept.fleet.configOf(name) !== undefined);
  const printed = control === undefined ? lines : noting(logs, lines);
  const kept: KeptFleet = new KeptFleet({
    ...optionsOf(config, path),
    control,
    onEvent: report,
    onNotice: say,
    onUnseen: (name, unseen) => {
      const show = (paths: readonly string[]): string =>
        `add ${asYamlItems(paths)} to plugins.${name}.filesystem.visible in ${path}`;
      say(`${name}: ${unseenLine(unseen, show)}`);
    },
    streams: (plugin) =>
      lineStreams(plugin, printed, (name, count) => kept.supervisor.linesDropped(name, count)),
    watcher: watcherOf(current),
    onGone: (name) => kept.supervisor.closeListeners(name),
    operator: { config: realpathSync(path), logs, reload: () => inForce.reload() },
  });
  const { supervisor, fleet } = kept;
  const inForce = new ConfigInForce({ named, path, config, supervisor, fleet, say });
  inForce.warn();
  // A hook answers by itself.
  if (control !== undefined && config.hook === undefined) tellQuestions(supervisor.asks, control.path);
  const stop = (): void => {
    inForce.close();
    setTimeout(() => lines.giveUp(), OUTPUT_TIMEOUT_MS);
    void kept.close(current().stopGraceMs);
  };
  const readers = watchReaders(() => {
    lines.giveUp();
    stop();
  });
  try {
    signals.stop = stop;
    await kept.open();
    fleet.add(fleetPlugins(config), 'boot');
    inForce.watch();
    signals.reload = () => {
      supervisor.reopenAudit();
      void inForce.tryReload();
    };
    if (signals.hungUp) signals.reload();
    return (await fleet.ended) && !readers.gone() ? 0 : 1;
  } catch (error) {
    say(describeError(error));
    return 1;
  } finally {
    inForce.close();
    await kept.close();
  }
}

/** What the signals do. A signal that comes before `up` has something to stop or to reload is noted. */
interface Signals {
  stop: () => void;
  reload: () => void;
  stopped: boolean;
  hungUp: boolean;
}

/** Taken before anything else: each of them would end this process, and systemd takes a SIGHUP that did so for a good end. */
function takeSignals(): Signals {
  const signals: Signals = {
    stop: () => {
      signals.stopped = true;
    },
    reload: () => {
      signals.hungUp = true;
    },
    stopped: false,
    hungUp: false,
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const)
    if (!isIgnored(signal)) process.once(signal, () => signals.stop());
  process.on('SIGHUP', () => signals.reload());
  process.on('SIGUSR2', () => {});
  return signals;
}

function optionsOf(config: Config, path: string): SupervisorOptions {
  return {
    plugins: config.plugins.map((plugin) => plugin.config),
    metrics: config.metrics,
    audit: config.audit,
    auditWhenFull: config.auditWhenFull,
    dnsServers: config.dnsServers,
    askMs: config.askMs,
    askHook: config.hook,
    ruleFile: path,
    ownFiles: config.files,
  };
}

/** @param named --control, if it was given @param config that of the start. A later one moves no socket */
function controlPath(named: string | undefined, config: Config): string | undefined {
  if (named === undefined) return config.control;
  return named === 'off' ? named : resolve(named);
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
