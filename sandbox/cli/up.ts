// postern up: runs the plugins of a configuration file until the last one has ended for good, or a signal ends them.
import { Command } from 'commander';
import type { Config } from '../../shared/config/load-config.js';
import { OUTPUT_TIMEOUT_MS } from '../../shared/limits.js';
import { Fleet } from '../supervisor/fleet/fleet.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { configFile } from './config-file.js';
import { ConfigInForce, fleetPlugins } from './config-in-force.js';
import { isIgnored } from './keep-ignoring.js';
import { loadChecked } from './load-checked.js';
import { asYamlItems } from './pasted-rule.js';
import { PluginLines } from './plugin-lines.js';
import { reportRefusals } from './report-refusals.js';
import { describeError, say } from './say.js';
import { unseenLine } from './unseen-line.js';
import { UpControl } from './up-control.js';
import { starterOf, watcherOf } from './up-plugins.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

const KILL_AT_ONCE_MS = 1;

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
SIGHUP reads the file again, and opens the audit file anew. SIGUSR1 and SIGUSR2 do nothing.
Exit status: 0 where every plugin ended with 0 or was stopped, 1 otherwise, 2 for a bad file or wrong usage.`,
    )
    .action(async (options: UpOptions) => {
      const status = await up(options);
      await writeOut(OUTPUT_TIMEOUT_MS);
      process.exit(status);
    });
}

async function up({ config: named, control: socket }: UpOptions): Promise<number> {
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
  let control: UpControl;
  try {
    control = new UpControl(socket, path, config, () => current());
  } catch (error) {
    say(describeError(error));
    return 1;
  }
  const current = (): Config => inForce.config;
  const report = config.audit === 'stderr' ? undefined : reportRefusals(current, path);
  const supervisor = new Supervisor({
    plugins: config.plugins.map((plugin) => plugin.config),
    metrics: config.metrics,
    audit: config.audit,
    auditWhenFull: config.auditWhenFull,
    dnsServers: config.dnsServers,
    askMs: config.askMs,
    askHook: config.hook,
    ruleFile: path,
    ownFiles: config.files,
    control: control.path,
    onEvent: (event) => {
      control.denials.take(event);
      report?.(event);
    },
    onNotice: say,
    onUnseen: (name, unseen) => {
      const show = (paths: readonly string[]): string =>
        `add ${asYamlItems(paths)} to plugins.${name}.filesystem.visible in ${path}`;
      say(`${name}: ${unseenLine(unseen, show)}`);
    },
  });
  const lines = new PluginLines(() => current().plugins.map((plugin) => plugin.config.name));
  const fleet = new Fleet(starterOf(supervisor, control.noting(lines)), watcherOf(current), (name) =>
    supervisor.closeListeners(name),
  );
  const inForce = new ConfigInForce({ named, path, config, supervisor, fleet, say });
  inForce.warn();
  const stop = (): void => {
    inForce.close();
    setTimeout(() => lines.giveUp(), OUTPUT_TIMEOUT_MS);
    // Plugins stop one after the other. Past the time for all of them, the rest are killed.
    const late = setTimeout(() => void supervisor.close(KILL_AT_ONCE_MS), current().stopGraceMs);
    fleet.stopAll().then(() => {
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
    process.on('SIGHUP', () => {
      supervisor.reopenAudit();
      void inForce.tryReload();
    });
    process.on('SIGUSR2', () => {});
    await supervisor.start();
    fleet.add(fleetPlugins(config), 'boot');
    control.serve(supervisor, fleet, inForce);
    inForce.watch();
    return (await fleet.ended) && !readers.gone() ? 0 : 1;
  } catch (error) {
    say(describeError(error));
    return 1;
  } finally {
    inForce.close();
    await supervisor.close();
    await control.close();
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
