// postern run: one plugin, in the foreground, transparent to whoever starts it.
import { constants } from 'node:os';
import { basename, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { parseListen } from '../../shared/config/parse-listen.js';
import {
  type ListenConfig,
  PLUGIN_NAME,
  type PluginConfig,
  plainPlugin,
  VARIABLE_NAME,
} from '../../shared/config/plugin-config.js';
import { resolveListeners } from '../../shared/config/resolve-listeners.js';
import { PosternError } from '../../shared/errors.js';
import type { PluginEnd, Sandbox } from '../supervisor/sandbox.js';
import { inheritStreams } from '../supervisor/standard-streams.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { controllingTerminal, shareTerminal } from '../supervisor/terminal.js';
import { dnsOption, dnsServersOf } from './dns-option.js';
import { takeOwnStreams } from './own-streams.js';
import { limitLines, refusalLine } from './refusal-line.js';
import { repeatable } from './repeatable.js';
import { addRuleOptions, type RuleOptions, rulesOf } from './rule-options.js';
import { describeError, runStatus, say } from './say.js';

/** SIGTERM is apart: it stops the plugin in bounded time. */
const FORWARDED = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

export interface RunOptions extends RuleOptions {
  readonly name?: string;
  readonly listen: readonly string[];
  readonly egress: 'transparent' | 'channel';
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly env: readonly string[];
  readonly cwd?: string;
  readonly metrics?: string;
  readonly audit?: string;
  readonly dns: readonly string[];
}

/** @param unsafeWithout protections to leave out: for tests that prove them */
export function runCommand(unsafeWithout: readonly string[] = []): Command {
  const command = new Command('run')
    .description('run a program with no network but the connections that rules allow')
    .argument('<command...>', 'the program and its arguments; put -- before it')
    .option('--name <name>', 'name in metrics and audit (default: the program)');
  return addRuleOptions(command)
    .addOption(
      new Option('--egress <door>', 'how the program reaches the network')
        .choices(['transparent', 'channel'])
        .default('transparent'),
    )
    .addOption(
      repeatable(
        '--listen <name=addr>',
        'pass a listening socket, as web=127.0.0.1:8080, web=[::1]:8080 or web=/run/web.sock',
      ),
    )
    .addOption(repeatable('--visible <path>', 'show a path of the host, read-only'))
    .addOption(repeatable('--writable <path>', 'show a path of the host, writable'))
    .addOption(repeatable('--env <key[=value]>', 'set a variable, or pass one on'))
    .option('--cwd <dir>', 'start there (default: here)')
    .option('--metrics <addr>', 'serve Prometheus metrics on HOST:PORT')
    .option('--audit <file>', 'append audit events to a file, or - for stderr')
    .addOption(dnsOption())
    .addHelpText(
      'after',
      `
Examples:
  postern run --allow api.example.com -- node plugin.js
  postern run --allow '*.example.com:443' --deny tracker.example.com -- ./build.sh
  postern run --listen web=127.0.0.1:8080 -- ./server
  postern run --allow 127.0.0.1:5432 --metrics 127.0.0.1:9464 -- python3 report.py

Exit status: the program's; 128+N where signal N ended it; 127 not found, 126 not runnable, 125 postern itself.`,
    )
    .passThroughOptions()
    .action(async (command: string[], options: RunOptions) => {
      process.exit(await run(command, options, unsafeWithout));
    });
}

/** @returns the exit status */
async function run(
  command: readonly string[],
  options: RunOptions,
  unsafeWithout: readonly string[],
): Promise<number> {
  takeOwnStreams();
  try {
    return await runPlugin(configOf(command, options), options, unsafeWithout);
  } catch (error) {
    say(describeError(error));
    return runStatus(error);
  }
}

async function runPlugin(
  config: PluginConfig,
  options: RunOptions,
  unsafeWithout: readonly string[],
): Promise<number> {
  const report = limitLines(say);
  const supervisor = new Supervisor({
    plugins: [config],
    metrics: options.metrics,
    audit: options.audit === '-' ? 'stderr' : options.audit,
    dnsServers: dnsServersOf(options.dns),
    onEvent: (event) => {
      const line = refusalLine(event, (rule) => `--allow '${rule}'`);
      if (line !== undefined && options.audit !== '-') report(line);
    },
    onNotice: say,
    unsafeWithout,
  });
  const streams = inheritStreams();
  const terminal = controllingTerminal(streams.terminals);
  const sharesGroup = terminal < 0 && streams.terminals.length > 0;
  let sandbox: Sandbox | undefined;
  const signals = forwardSignals(supervisor, config.name, sharesGroup, () => sandbox);
  await supervisor.start();
  try {
    sandbox = await supervisor.startPlugin(config, { ...streams, foreground: terminal }, 'boot');
    signals.deliver();
    const job = shareTerminal(terminal, sandbox);
    const end = await sandbox.ended;
    job.release();
    await streams.drained();
    return statusOf(end);
  } finally {
    await supervisor.close();
    signals.release();
  }
}

/** Signals to this process reach the plugin; those that come before it runs, as soon as it does. */
function forwardSignals(
  supervisor: Supervisor,
  name: string,
  sharesGroup: boolean,
  sandbox: () => Sandbox | undefined,
): { readonly deliver: () => void; readonly release: () => void } {
  const early: (() => void)[] = [];
  const handlers = new Map<NodeJS.Signals, () => void>();
  const handle = (signal: NodeJS.Signals, act: () => void): void => {
    const handler = (): void => void (sandbox() === undefined ? early.push(act) : act());
    handlers.set(signal, handler);
    process.on(signal, handler);
  };
  // In one process group the terminal's own signals reach both; they keep this process alive and go no further.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    handle(signal, () => void (sharesGroup || sandbox()?.signal(constants.signals[signal])));
  }
  for (const signal of FORWARDED) handle(signal, () => sandbox()?.signal(constants.signals[signal]));
  handle('SIGTERM', () => void supervisor.stopPlugin(name));
  return {
    deliver: () => {
      for (const act of early.splice(0)) act();
    },
    release: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}

function statusOf(end: PluginEnd): number {
  return end.kind === 'exited' ? end.status : 128 + end.signal;
}

function configOf(command: readonly string[], options: RunOptions): PluginConfig {
  const name = options.name ?? nameOf(command[0] ?? '');
  if (!PLUGIN_NAME.test(name)) {
    throw new PosternError('bad_name', `Not a plugin's name: "${name}"`, {
      mend: 'use lower-case letters, digits, - and _, at most 63, a letter or digit first',
    });
  }
  const rules = rulesOf(options);
  return {
    ...plainPlugin(name, command),
    env: environmentOf(options.env),
    cwd: resolve(options.cwd ?? process.cwd()),
    allow: rules.allow.map(({ text }) => text),
    deny: rules.deny.map(({ text }) => text),
    mode: options.mode,
    egress: options.egress,
    visible: options.visible.map((path) => resolve(path)),
    writable: options.writable.map((path) => resolve(path)),
    listen: listenersOf(options.listen),
  };
}

/** The program's own name, made to fit. */
function nameOf(program: string): string {
  const name = basename(program)
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return name.slice(0, 63) || 'plugin';
}

/** The places where callers reach the program: bound here, inherited there (systemd's LISTEN_FDS). */
function listenersOf(texts: readonly string[]): readonly ListenConfig[] {
  const entries = texts.map((text) => {
    const parsed = parseListen(text);
    if (!parsed.ok) throw badListener(parsed.message, `write --listen ${parsed.suggestion}`);
    return parsed.listen;
  });
  const resolved = resolveListeners(entries, process.cwd());
  if (resolved.ok) return resolved.listeners;
  const [{ message, suggestion, index } = { message: 'No listeners', index: 0 }] = resolved.problems;
  const name = entries[index]?.name;
  throw badListener(message, suggestion === undefined ? undefined : `try --listen ${name}=${suggestion}`);
}

function badListener(message: string, mend: string | undefined): PosternError {
  return new PosternError('listen_address', message, { mend });
}

function environmentOf(entries: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const key = at < 0 ? entry : entry.slice(0, at);
    const value = at < 0 ? process.env[key] : entry.slice(at + 1);
    if (!VARIABLE_NAME.test(key)) {
      throw new PosternError('bad_environment', `Not a variable to set: "${key}"`, {
        mend: /^(?:POSTERN_|LISTEN_)/.test(key)
          ? 'postern sets it itself'
          : 'use letters, digits and _, a letter or _ first',
      });
    }
    if (value !== undefined) env[key] = value;
  }
  return env;
}
