// postern up: runs the plugins of a configuration file until the last one has ended for good, or a signal ends them.

import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { describeProblem } from '../../shared/config/config-problem.js';
import type { Config } from '../../shared/config/load-config.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { OUTPUT_TIMEOUT_MS } from '../../shared/limits.js';
import { printable } from '../../shared/printable.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { TokenBucket } from '../../shared/token-bucket.js';
import { controlFolder, controlName, makeInHome } from '../host/control-folder.js';
import { KeptFleet } from '../operate/kept-fleet.js';
import { OperatorControl } from '../operate/operator-control.js';
import { ControlSocket } from '../supervisor/control/control-socket.js';
import { PluginLogs } from '../supervisor/control/plugin-logs.js';
import { problemOf } from '../supervisor/files/path-problems.js';
import type { PluginWatcher } from '../supervisor/fleet/plugin-keeper.js';
import { HeldListeners } from '../supervisor/listeners/held-listeners.js';
import type { PolicyKeeper } from '../supervisor/policy/policy-keeper.js';
import { describeEnd } from '../supervisor/start/sandbox.js';
import { captureStreams, type StandardStreams } from '../supervisor/start/standard-streams.js';
import type { SupervisorOptions } from '../supervisor/supervisor-options.js';
import { type Bounded, bound, ConfigInForce } from './config-in-force.js';
import { configFile } from './default-config.js';
import { filesRead, loadChecked, placed } from './load-checked.js';
import { makeCommand } from './program.js';
import {
  asYamlItems,
  limitLines,
  ownProgram,
  RefusalReport,
  refusalLine,
  unseenLine,
} from './refusal-line.js';
import { describeError, jsonLine, type Paint, paint, say, warn, writeJsonLines, writesJson } from './say.js';
import { ServiceManager } from './service-manager.js';
import { isIgnored } from './signals.js';
import { keepPolicy, openPolicy } from './signed-policy.js';
import { tellQuestions } from './terminal-questions.js';
import { PageProcess } from './ui/page-process.js';
import { useWaitingStreams, writeOut } from './waiting-streams.js';

interface UpOptions {
  readonly config?: string;
  readonly control?: string;
  readonly logFormat: 'text' | 'json';
}

export function upCommand(): Command {
  return makeCommand('up')
    .argument('[file]', 'the file (default: ./postern.yaml)')
    .option('--config <file>', 'the same, as for the other commands')
    .option('--control <path>', "the control socket, or off (default: the file's, else that of this user)")
    .addOption(
      new Option('--log-format <form>', "of the plugins' lines and of postern's own")
        .choices(['text', 'json'])
        .default('text'),
    )
    .addHelpText(
      'after',
      `
Examples:
  postern up
  postern up /etc/postern.yaml

Ends when the last plugin has ended for good, or on SIGTERM, SIGINT or SIGQUIT.
SIGHUP reads the file again, and opens the audit file anew.
One that comes during the start does so once the plugins are started. SIGUSR1 and SIGUSR2 do nothing.
Exit status: 0 where every plugin ended with 0 or was stopped, 1 otherwise, 2 for a bad file or wrong usage.`,
    )
    .action(async (file: string | undefined, options: UpOptions) => {
      const status = await up(file, options);
      await writeOut(OUTPUT_TIMEOUT_MS);
      process.exit(status);
    });
}

async function up(
  file: string | undefined,
  { config: named = file, control: socket, logFormat: format }: UpOptions,
): Promise<number> {
  const signals = takeSignals();
  if (format === 'json') writeJsonLines();
  const manager = new ServiceManager(process.env);
  const heldListeners = HeldListeners.take(process.env);
  useWaitingStreams();
  let path: string;
  let config: Config;
  try {
    if (file !== undefined && file !== named) throw twoFiles(file, named);
    path = configFile(named);
    config = loadChecked(path);
  } catch (error) {
    say(describeError(error), 'error');
    return 2;
  }
  try {
    return await run({ named, path, config, socket, signals, manager, heldListeners });
  } catch (error) {
    say(describeError(error), 'error');
    return 1;
  }
}

interface Start {
  /** The file as the user named it. */
  readonly named: string | undefined;
  readonly path: string;
  readonly config: Config;
  /** --control */
  readonly socket: string | undefined;
  readonly signals: Signals;
  readonly manager: ServiceManager;
  readonly heldListeners: HeldListeners;
}

async function run({ named, path, config, socket, signals, manager, heldListeners }: Start): Promise<number> {
  const policy = openPolicy(config.policy, path);
  const bounded = await bound(config, policy?.kept);
  // A signal that came meanwhile is heard before anything is opened.
  await new Promise(setImmediate);
  if (signals.stopped) return 0;
  const control = openControl(controlPath(socket, config), path);
  const page = startPage(config, control);
  const current = (): Config => inForce.config;
  const keeper: PolicyKeeper | undefined =
    policy && keepPolicy(policy, () => ({ supervisor: kept.supervisor, inForce }));
  const lines = new PluginLines(() => current().plugins.map((plugin) => plugin.config.name));
  const logs: PluginLogs = new PluginLogs((name) => kept.fleet.configOf(name) !== undefined);
  const printed = control === undefined ? lines : noting(logs, lines);
  const kept: KeptFleet = new KeptFleet({
    ...optionsOf(config, bounded, path),
    heldListeners,
    control,
    beyondPolicy: (next) => inForce.beyondOf(next),
    onEvent: config.audit === 'stderr' ? undefined : reportRefusals(current, path),
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
    operator: {
      config: realpathSync(path),
      logs,
      reload: () => inForce.reload(),
      reloadProblem: () => inForce.problem,
      page: page && (() => page.link()),
      exported: () => kept.supervisor.exportFacts,
      policy: keeper && (() => ({ ...keeper.facts, beyond: inForce.beyond })),
    },
  });
  const { supervisor, fleet } = kept;
  const inForce: ConfigInForce = new ConfigInForce({
    ...{ named, path, config, bounded, policy: keeper?.first, supervisor, fleet, say },
  });
  inForce.warn();
  // A hook answers by itself.
  if (control !== undefined && config.hook === undefined) tellQuestions(supervisor.asks, control.path);
  const awaitsPolicy = keeper !== undefined && policy?.kept === undefined;
  return serve({ signals, manager, kept, inForce, keeper, awaitsPolicy, page, lines });
}

interface Service extends Pick<Start, 'signals' | 'manager'> {
  readonly kept: KeptFleet;
  readonly inForce: ConfigInForce;
  readonly keeper: PolicyKeeper | undefined;
  /** No signed policy has been kept yet. */
  readonly awaitsPolicy: boolean;
  readonly page: PageProcess | undefined;
  readonly lines: PluginLines;
}

/** Opens everything in the order in which one part needs another, and closes it at the end. @returns the exit status */
async function serve(service: Service): Promise<number> {
  const { signals, manager, kept, inForce, keeper, awaitsPolicy, page, lines } = service;
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
    manager.stopping();
    inForce.close();
    keeper?.close();
    lines.hurry();
    void kept.close(inForce.config.stopGraceMs);
  };
  const readers = watchReaders(() => {
    lines.giveUp();
    stop();
  });
  try {
    signals.stop = stop;
    // A socket of its own must be there before a plugin is, so that it can be hidden.
    await page?.settled;
    if (isStopped) return 0;
    await kept.open();
    if (keeper !== undefined) {
      inForce.warnBeyond();
      keeper.start();
      if (awaitsPolicy) say('plugins start once there is a signed policy');
      await keeper.first;
    }
    inForce.start();
    manager.ready(() => kept.supervisor.brokerAnswers);
    inForce.watch();
    signals.reload = () => {
      kept.supervisor.reopenAudit();
      void inForce.tryReload();
    };
    if (signals.hungUp) signals.reload();
    return (await kept.fleet.ended) && !readers.gone() ? 0 : 1;
  } catch (error) {
    // Said before the plugins end, which can take their whole grace time.
    say(describeError(error), 'error');
    return 1;
  } finally {
    inForce.close();
    keeper?.close();
    await kept.close();
    page?.close();
  }
}

function twoFiles(file: string, named: string | undefined): PosternError {
  return new PosternError('usage', `Two files: "${file}", and "${named}" by --config`, { fix: 'name one' });
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

function optionsOf(config: Config, { plugins }: Bounded, path: string): SupervisorOptions {
  return {
    plugins: plugins.map((plugin) => plugin.config),
    metrics: config.metrics,
    audit: config.audit,
    auditFormat: config.auditFormat,
    auditWhenFull: config.auditWhenFull,
    dnsServers: config.dnsServers,
    askMs: config.askMs,
    askHook: config.hook,
    ui: config.ui,
    export: config.export,
    ruleFile: path,
    ownFiles: filesRead(config),
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

// Prints the output of the plugins of `up` line by line, and says how each one ended.

/**
 * @param dropped takes the number of lines that a plugin's limit dropped
 * @returns the streams of a plugin's next run
 */
function lineStreams(
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
function noting(logs: PluginLogs, lines: Pick<PluginLines, 'write'>): Pick<PluginLines, 'write'> {
  return {
    write: (name, output, line) => {
      logs.take(name, output, line);
      return lines.write(name, output, line);
    },
  };
}

/** @param config returns the configuration in force */
function watcherOf(config: () => Config): PluginWatcher {
  return {
    onEnd: (name, end, delayMs) => say(`${name}: ended with ${describeEnd(end)}${describeDelay(delayMs)}`),
    onFailedStart: (name, error, delayMs) =>
      warn(`${name}: ${describeFailedStart(config(), name, error)}${describeDelay(delayMs)}`),
  };
}

/** With the place in the file, as `check` names it, where the file is at fault. */
function describeFailedStart(config: Config, name: string, error: unknown): string {
  return error instanceof PosternError && error.fields['key'] !== undefined
    ? describeProblem(placed(config, problemOf(name, error)))
    : describeError(error).join('; ');
}

function describeDelay(delayMs: number | undefined): string {
  return delayMs === undefined ? '' : `; starts again in ${delayMs / 1000} s`;
}

// Prints the output of plugins line by line, each with its plugin's name in front; on a terminal aligned and coloured.

const COLOURS: readonly Paint[] = ['cyan', 'yellow', 'green', 'magenta', 'blue', 'red'];

type Output = 'stdout' | 'stderr';

/** The lines of many plugins in one output. Nothing is kept for a slow reader: the plugins wait, as at a pipe. */
class PluginLines {
  readonly #names: () => readonly string[];
  readonly #full = new Map<Output, Promise<void>>();
  #drop: () => void = () => {};
  #dropping = false;
  #hurries = false;
  readonly #dropped: Promise<void> = new Promise((resolve) => {
    this.#drop = resolve;
  });

  /** @param names returns those of now, in the file's order, which decides their colours */
  constructor(names: () => readonly string[]) {
    this.#names = names;
  }

  /** @returns undefined, or for a full output a promise that resolves when it has room again */
  write(name: string, output: Output, line: string): Promise<void> | undefined {
    if (this.#dropping) return undefined;
    const to = process[output];
    if (writesJson()) return this.#put(output, jsonLine({ plugin: name, stream: output, message: line }));
    const text = to.isTTY === true ? `${this.#head(name, to)} ${shown(line)}\n` : `${name} | ${line}\n`;
    return this.#put(output, text);
  }

  #put(output: Output, text: string): Promise<void> | undefined {
    return process[output].write(text) ? undefined : this.#room(output);
  }

  /** For a reader that is gone or too slow: drops every further line, so that no plugin waits. */
  giveUp(): void {
    this.#dropping = true;
    this.#drop();
  }

  /** The plugins are told to end: from now on a reader that makes no room for so long is given up. */
  hurry(): void {
    if (this.#hurries) return;
    this.#hurries = true;
    for (const room of this.#full.values()) this.#limit(room);
  }

  #limit(room: Promise<void>): void {
    const late = setTimeout(() => this.giveUp(), OUTPUT_TIMEOUT_MS);
    void room.then(() => clearTimeout(late));
  }

  #head(name: string, to: NodeJS.WriteStream): string {
    const names = this.#names();
    const width = Math.max(0, ...names.map(({ length }) => length));
    const colour = COLOURS[names.indexOf(name) % COLOURS.length] ?? 'cyan';
    return paint(`${name.padEnd(width)} |`, colour, to);
  }

  #room(output: Output): Promise<void> {
    const known = this.#full.get(output);
    if (known !== undefined) return known;
    const drained = new Promise<void>((resolve) => process[output].once('drain', resolve));
    const room = Promise.race([drained, this.#dropped]).then(() => void this.#full.delete(output));
    this.#full.set(output, room);
    if (this.#hurries) this.#limit(room);
    return room;
  }
}

/** Control characters could rewrite other plugins' lines on a terminal. Tabs are harmless. */
function shown(line: string): string {
  // protects: G13 a plugin's line of output does not act on the terminal => return line.replace(/\r$/, '');
  return line.replace(/\r$/, '').split('\t').map(printable).join('\t');
}

// Limits the lines of output that a plugin may write per second, so that one flood does not hide the other plugins' lines.

const REPORT_MS = 1000;

/**
 * @param write takes a line within the limit; the promise it returns resolves when there is room for more
 * @param report takes the number of lines dropped within a second
 */
function limitOutput<Stream>(
  linesPerSecond: number,
  write: (stream: Stream, line: string) => Promise<void> | undefined,
  report: (lines: number) => void,
): {
  readonly line: (stream: Stream, line: string) => Promise<void> | undefined;
  readonly flush: () => void;
} {
  const bucket = new TokenBucket(linesPerSecond);
  let dropped = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (dropped > 0) report(dropped);
    dropped = 0;
  };
  return {
    line: (stream, line) => {
      if (bucket.take()) return write(stream, line);
      dropped += 1;
      timer ??= setTimeout(flush, REPORT_MS).unref();
      return undefined;
    },
    flush,
  };
}

// Opens the control socket that `up` has by default, or that a path names.

/**
 * @param named an absolute path, `off`, or undefined for the default. If the default cannot be had, for example since another project has it, the
 *   start goes on without
 * @param config the path of the configuration
 * @throws PosternError `control_socket`
 */
function openControl(named: string | undefined, config: string): OperatorControl | undefined {
  if (named === 'off') return undefined;
  if (named !== undefined) return new OperatorControl(new ControlSocket(named, false));
  const folder = controlFolder();
  if (folder !== undefined) {
    makeInHome(folder);
    return openDefault(join(folder, controlName(config)));
  }
  say('no control socket: neither XDG_RUNTIME_DIR nor HOME is set; name a path by control: to have one');
  return undefined;
}

function openDefault(path: string): OperatorControl | undefined {
  try {
    return new OperatorControl(new ControlSocket(path, true));
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    say(`no control socket: ${error.message}; name another path by control: to have one`);
    return undefined;
  }
}

function startPage({ ui }: Config, control: OperatorControl | undefined): PageProcess | undefined {
  if (ui === undefined) return undefined;
  if (control !== undefined) return new PageProcess(ui, control.path);
  warn('the live page is not served: it asks by the control socket, and there is none');
  return undefined;
}

// Prints the refusals of the plugins of `up`, each with the rule that would allow it.

/**
 * Each plugin has its own limit of lines.
 *
 * @param config returns the configuration in force
 * @param path of its file
 */
function reportRefusals(config: () => Config, path: string): (event: AuditEvent) => void {
  const plugin = (name: string): PluginConfig | undefined =>
    config().plugins.find((one) => one.config.name === name)?.config;
  const says = new Map<string, (line: string) => void>();
  const lineOf = (event: AuditEvent): string | undefined => {
    const { plugin: name } = event;
    const known = plugin(name);
    const fix = (rules: readonly string[]): string =>
      `add ${asYamlItems(rules)} to plugins.${name}.allow in ${path}`;
    return known && refusalLine(event, fix, ownProgram(known));
  };
  const report = new RefusalReport(
    (name) => plugin(name) !== undefined,
    lineOf,
    (line, name) => {
      const say = says.get(name) ?? limitLines((text) => warn(`${name}: ${text}`));
      says.set(name, say);
      say(line);
    },
  );
  return report.take;
}
