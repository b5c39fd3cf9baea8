// Runs one plugin in the foreground, from its start to its end, for `run` and `learn`.

import { resolve } from 'node:path';
import { asciiJson } from '../../shared/ascii-json.js';
import type { PluginConfig } from '../../shared/config/plugin-config.js';
import { PosternError } from '../../shared/errors.js';
import { loopbackProblems } from '../../shared/policy/sandbox-address.js';
import { printable } from '../../shared/printable.js';
import type { AuditEvent } from '../../shared/protocol/audit-events.js';
import { OperatedSupervisor } from '../operate/operated-supervisor.js';
import type { ControlView, OperatorControl } from '../operate/operator-control.js';
import type { Asks } from '../supervisor/approval/asks.js';
import { hostFiles } from '../supervisor/files/host-files.js';
import { laterConfigs } from '../supervisor/files/later-configs.js';
import { allHomes } from '../supervisor/home/home-problems.js';
import { outsideEnvironment } from '../supervisor/start/plugin-environment.js';
import type { PluginEnd, Sandbox } from '../supervisor/start/sandbox.js';
import { inheritStreams } from '../supervisor/start/standard-streams.js';
import { OwnTerminal } from '../supervisor/terminal/own-terminal.js';
import { joinJob } from '../supervisor/terminal/terminal-job.js';
import type { TerminalRelay } from '../supervisor/terminal/terminal-relay.js';
import type { Unseen } from '../supervisor/unseen/unseen-files.js';
import { hintsOf } from './hints.js';
import { asVisibleOptions, refusalLine, unseenLine } from './refusal-line.js';
import { dnsServersOf, type RunOptions } from './run-options.js';
import { say, warn } from './say.js';
import { forwardSignals } from './signals.js';
import { TerminalQuestions, tellQuestions } from './terminal-questions.js';
import { divertOwnWords } from './waiting-streams.js';

const STDERR = 2;

type RunPluginOptions = Pick<RunOptions, 'metrics' | 'audit' | 'dns' | 'rules' | 'gateway' | 'env'> & {
  readonly srtSettings?: string;
};

/**
 * Runs a plugin to its end.
 *
 * @param onEvent takes each audit event; the last one comes before this returns
 * @param readsAll see SupervisorOptions
 * @param control the control socket, if there is one
 * @returns the plugin's exit status, as a shell reports it
 */
export async function runPlugin(
  config: PluginConfig,
  options: RunPluginOptions,
  onEvent: (event: AuditEvent) => void,
  readsAll: boolean,
  control?: OperatorControl,
): Promise<number> {
  warnOf(config, options);
  const unseen: Unseen[] = [];
  let wasTold = false;
  const uncovered = laterConfigs([config], hostFiles).filter((path) => hostFiles.kind(path) !== 'file');
  const streams = inheritStreams();
  const { terminal } = streams;
  // At a terminal that the plugin uses too, events go the way of postern's words, which keep their lines whole.
  const atTerminal = options.audit === '-' && terminal?.streams.includes(STDERR) === true;
  const operated = new OperatedSupervisor({
    plugins: [config],
    // To the broker, its gateway is another one.
    alone: config.gateway === undefined,
    metrics: options.metrics,
    audit: options.audit !== '-' ? options.audit : atTerminal ? undefined : 'stderr',
    dnsServers: dnsServersOf(options.dns),
    control,
    ownFiles: filesOf(options),
    onEvent: (event) => {
      if (atTerminal) process.stderr.write(`${asciiJson(event)}\n`);
      onEvent(event);
      wasTold ||= refusalLine(event, () => '') !== undefined;
    },
    // A client of the control socket may learn from all of them.
    readsAll: control !== undefined || atTerminal || readsAll,
    onNotice: say,
    onUnseen: (_plugin, found) => unseen.push(found),
  });
  const { supervisor } = operated;
  const asking =
    config.unknown === 'ask' ? askAtTerminal(supervisor.asks, terminal, control?.path) : undefined;
  let sandbox: Sandbox | undefined;
  let since = performance.now();
  const early = new EarlyEnd(config, () => void supervisor.stopPlugin(config.name));
  const signals = forwardSignals({
    sandbox: () => sandbox,
    endStart: (signal) => early.by(signal),
    stop: () => void supervisor.stopPlugin(config.name),
    toTerminal: (signal) => terminal?.signal(signal) === true,
  });
  const job = joinJob(terminal);
  // The sandbox is made while the broker starts. If the broker does not start, startPlugin() says why.
  supervisor.start().catch(() => {});
  operated.serve(viewOf(config, () => ({ pid: sandbox?.pid, since })));
  try {
    sandbox = await supervisor.startPlugin(config, () => streams, 'boot');
    since = performance.now();
    signals.deliver();
    job.deliver(sandbox);
    if (terminal !== undefined)
      divertOwnWords((text) => (terminal.say(text) ? '' : `${terminal.endLine()}${text}`), terminal.streams);
    terminal?.whenRefused(say);
    const end = await sandbox.ended;
    job.release();
    const failures = await streams.drained();
    await terminal?.end();
    for (const failure of failures) say(failure);
    // What was refused is told before a guess at why the program failed.
    await operated.close();
    for (const one of unseen) say(unseenLine(one, showWithOptions));
    const status = statusOf(end);
    if (terminal !== undefined) {
      const { heard } = terminal;
      const isExplained = unseen.length > 0 || wasTold;
      const run = { config, status, here: process.cwd(), homes: allHomes(), isExplained, heard };
      say(hintsOf(run, hostFiles));
    }
    for (const path of uncovered) if (hostFiles.kind(path) !== 'absent') say(madeConfig(path));
    return status || (failures.length > 0 ? 125 : 0);
  } catch (error) {
    return early.statusOf(error);
  } finally {
    await terminal?.end();
    await operated.close();
    asking?.close();
    job.release();
    signals.release();
  }
}

/** Those that the command line names for postern itself. */
function filesOf({ rules, gateway, srtSettings }: RunPluginOptions): readonly string[] {
  return [
    ...rules,
    // protects: G23 gateway: no program writes the file of its gateway
    ...(gateway === undefined ? [] : [gateway]),
    // protects: G14 import: no program writes the settings that it is run by
    ...(srtSettings === undefined ? [] : [srtSettings]),
  ].map((path) => resolve(path));
}

/** What an operator sees of it. @param run returns its pid, undefined until it runs, and the time at which it began its state */
function viewOf(
  { name, egress }: PluginConfig,
  run: () => { readonly pid: number | undefined; readonly since: number },
): Omit<ControlView, 'supervisor'> {
  const noMore = { lastEnd: undefined, startsInMs: undefined };
  return {
    config: null,
    knows: (plugin) => plugin === name,
    egressOf: () => egress,
    plugins: () => {
      const { pid, since } = run();
      const [state, starts] = pid === undefined ? (['starting', 0] as const) : (['running', 1] as const);
      return [
        {
          name,
          state,
          isReady: state === 'running',
          ageMs: performance.now() - since,
          pid,
          starts,
          ...noMore,
        },
      ];
    },
  };
}

function showWithOptions(paths: readonly string[]): string {
  return `show ${paths.length === 1 ? 'it' : 'them'} with ${asVisibleOptions(paths)}`;
}

function madeConfig(path: string): string {
  return `a program that was not trusted may have made "${printable(path)}", which "postern up" obeys in that folder: read the file, or remove it`;
}

/** A secret's command takes its time, and may ask for a password. A signal that comes meanwhile is not for the program. */
class EarlyEnd {
  readonly #waits: boolean;
  readonly #stop: () => void;
  #signal: number | undefined;

  constructor({ secrets = {} }: PluginConfig, stop: () => void) {
    this.#waits = Object.values(secrets).some(({ from }) => from === 'command');
    this.#stop = stop;
  }

  by(signal: number): void {
    // protects: G23 gateway: a signal ends a start that waits for a secret => return;
    if (!this.#waits) return;
    this.#signal ??= signal;
    this.#stop();
  }

  /** @throws the error, unless it comes of a signal */
  statusOf(error: unknown): number {
    if (this.#signal === undefined) throw error;
    return 128 + this.#signal;
  }
}

function warnOf(config: PluginConfig, { env }: RunPluginOptions): void {
  for (const { message } of config.egress === 'channel' ? [] : loopbackProblems(config.allow)) warn(message);
  for (const key of env)
    if (!key.includes('=') && outsideEnvironment()[key] === undefined)
      warn(
        `--env ${key} passes nothing on: the variable is not set here; write --env ${key}=VALUE to set it`,
      );
}

function statusOf(end: PluginEnd): number {
  return end.kind === 'exited' ? end.status : 128 + end.signal;
}

// Finds where `run --ask` asks: at the terminal that the plugin uses too, through the relay, else at the user's own. Without one, an operator answers
// over the control socket.

/**
 * @param relay of the terminal that the plugin uses
 * @param control the path of the control socket; undefined without one
 * @throws PosternError `no_way_to_ask` if there is neither a terminal nor a control socket
 */
function askAtTerminal(
  asks: Asks,
  relay: TerminalRelay | undefined,
  control: string | undefined,
): { readonly close: () => void } {
  if (relay?.hold.possible === true) {
    const { hold } = relay;
    const say = (text: string): boolean => relay.say(text);
    new TerminalQuestions(asks, { echoes: hold.echoes, say, begin: (take) => hold.begin(take) });
    return { close: () => {} };
  }
  const own = relay === undefined ? OwnTerminal.open() : undefined;
  if (own === undefined && control !== undefined) {
    tellQuestions(asks, control);
    return { close: () => {} };
  }
  if (own === undefined)
    throw new PosternError('no_way_to_ask', 'Cannot ask: there is no terminal of this session', {
      fix: 'start it at a terminal, answer by "postern approve" with --control PATH, or leave out --ask',
    });
  new TerminalQuestions(asks, own);
  return { close: () => own.close() };
}
