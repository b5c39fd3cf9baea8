// The options of `run` and `learn`, which run one plugin in the foreground, and the plugin configuration that they make.
import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { limitsOf, type WrittenLimits } from '../../shared/config/limit-forms.js';
import {
  type ListenConfig,
  PLUGIN_NAME,
  type PluginConfig,
  plainPlugin,
  VARIABLE_NAME,
} from '../../shared/config/plugin-config.js';
import { parseListen, resolveListeners } from '../../shared/config/resolve-listeners.js';
import { RESOLVES, type Resolves } from '../../shared/config/via-config.js';
import { PosternError } from '../../shared/errors.js';
import { shellWord } from '../host/shell-word.js';
import { outsideEnvironment } from '../supervisor/start/plugin-environment.js';
import { addedCalls } from './call-options.js';
import { dnsOption } from './dns-option.js';
import { LIMIT_NAMES, parseLimits } from './limit-option.js';
import { repeatable } from './repeatable.js';
import { addRuleOptions, type LoadRuleFile, type RuleOptions, rulesOf } from './rule-options.js';
import { viaOf } from './via-options.js';

export interface RunOptions extends RuleOptions {
  readonly name?: string;
  readonly listen: readonly string[];
  readonly egress: 'transparent' | 'channel';
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly hidden: readonly string[];
  readonly home?: string;
  readonly limit: readonly string[];
  readonly seccompAllow: readonly string[];
  readonly unsafeSeccompAllow: readonly string[];
  readonly env: readonly string[];
  readonly cwd?: string;
  readonly metrics?: string;
  readonly audit?: string;
  readonly dns: readonly string[];
  readonly ask?: boolean;
  readonly via?: string;
  readonly viaCredentials?: string;
  readonly viaResolve?: Resolves;
  readonly viaDirect: readonly string[];
  readonly viaSource: readonly string[];
  readonly viaMark?: string;
}

/** Every option but --mode. */
export function addRunOptions(command: Command): Command {
  return addRuleOptions(
    command
      .argument('<command...>', 'the program and its arguments; put -- before it')
      .option('--name <name>', 'name in metrics and audit (default: the program)'),
  )
    .addOption(
      new Option('--egress <way>', 'how the program reaches the network')
        .choices(['transparent', 'channel'])
        .default('transparent'),
    )
    .addOption(
      repeatable(
        '--listen <name=addr>',
        'pass a listening socket, for example web=127.0.0.1:8080, web=[::1]:8080 or web=/run/web.sock',
      ),
    )
    .addOption(repeatable('--visible <path>', 'show a path of the host, read-only'))
    .addOption(repeatable('--writable <path>', 'show a path of the host, writable'))
    .addOption(repeatable('--hidden <path>', 'hide a path below one that shows'))
    .option('--home <dir>', 'keep the home of the program in DIR, for its next runs')
    .addOption(repeatable('--limit <name=value>', `set a limit: ${LIMIT_NAMES.join(', ')}`))
    .addOption(repeatable('--seccomp-allow <call>', 'add a system call to those that every program has'))
    .addOption(repeatable('--unsafe-seccomp-allow <call>', 'add a system call that weakens a guarantee'))
    .addOption(repeatable('--env <key[=value]>', 'set a variable, or pass one on'))
    .option('--cwd <dir>', 'start there (default: here)')
    .option('--metrics <addr>', 'serve Prometheus metrics on HOST:PORT')
    .option('--audit <file>', 'append audit events to a file, or - for stderr')
    .addOption(dnsOption())
    .option('--via <url>', 'connect by a proxy: http://HOST:PORT or socks5://HOST:PORT')
    .option('--via-credentials <file>', 'a file with USER:PASSWORD for that proxy')
    .addOption(new Option('--via-resolve <who>', 'who resolves names behind a proxy').choices(RESOLVES))
    .addOption(repeatable('--via-direct <rule>', 'connect to this destination without that proxy'))
    .addOption(repeatable('--via-source <addr>', 'connect from this address of the host'))
    .option('--via-mark <n>', 'mark the packets of the connections, as 42 or 0x2a')
    .passThroughOptions();
}

/** @param load as {@link rulesOf} has it @throws PosternError `usage`, `bad_name`, `bad_rules`, `bad_limit`, `listen_address`, `bad_environment`, `bad_via`; ConfigError for a file of rules */
export function pluginOf(
  command: readonly string[],
  options: RunOptions,
  mode: PluginConfig['mode'],
  load?: LoadRuleFile,
): PluginConfig {
  const name = options.name ?? nameOf(command[0] ?? '');
  if (!PLUGIN_NAME.test(name)) {
    throw new PosternError('bad_name', `Not a plugin name: "${name}"`, {
      fix: 'use at most 63 lower-case letters, digits, - and _; begin with a letter or digit',
    });
  }
  const rules = rulesOf(options, load);
  return {
    ...plainPlugin(name, command),
    env: environmentOf(options.env),
    cwd: options.cwd === undefined ? process.cwd() : pathOf('cwd', options.cwd),
    allow: rules.allow.map(({ text }) => text),
    deny: rules.deny.map(({ text }) => text),
    mode,
    egress: options.egress,
    visible: options.visible.map((path) => pathOf('visible', path)),
    writable: options.writable.map((path) => pathOf('writable', path)),
    hidden: options.hidden.map((path) => pathOf('hidden', path)),
    home: options.home === undefined ? undefined : pathOf('home', options.home),
    unknown: options.ask === true ? 'ask' : 'deny',
    limits: limitsOf(boundable(parseLimits(options.limit), options)),
    addedCalls: addedCalls(options),
    listen: listenersOf(options.listen),
    via: viaOf(options),
  };
}

/** @throws PosternError `usage` */
function pathOf(option: string, path: string): string {
  // An empty path would be this folder: a shell makes it of a variable that is not set.
  if (path !== '') return resolve(path);
  throw new PosternError('usage', `Not a path: --${option} ""`, { fix: `write --${option} PATH` });
}

function boundable(written: WrittenLimits, { home }: RunOptions): WrittenLimits {
  if (home === undefined || written.home_mib === undefined) return written;
  throw new PosternError('bad_limit', 'Cannot limit a kept home by home_mib: its own file system bounds it', {
    fix: 'leave out --limit home_mib, or --home',
  });
}

/** The program's name, changed to a valid plugin name. */
function nameOf(program: string): string {
  const name = basename(program)
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  return name.slice(0, 63) || 'plugin';
}

/** The addresses of --listen: bound here, inherited by the program (systemd's LISTEN_FDS). */
function listenersOf(texts: readonly string[]): readonly ListenConfig[] {
  const entries = texts.map((text) => {
    const parsed = parseListen(text);
    if (!parsed.ok) throw badListener(parsed.message, `write --listen ${shellWord(parsed.suggestion)}`);
    return parsed.listen;
  });
  const resolved = resolveListeners(entries, process.cwd());
  if (resolved.ok) return resolved.listeners;
  const [{ message, suggestion, index } = { message: 'No listeners', index: 0 }] = resolved.problems;
  const name = entries[index]?.name;
  throw badListener(
    message,
    suggestion === undefined ? undefined : `try --listen ${shellWord(`${name}=${suggestion}`)}`,
  );
}

function badListener(message: string, fix: string | undefined): PosternError {
  return new PosternError('listen_address', message, { fix });
}

function environmentOf(entries: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const key = at < 0 ? entry : entry.slice(0, at);
    const value = at < 0 ? outsideEnvironment()[key] : entry.slice(at + 1);
    if (!VARIABLE_NAME.test(key)) {
      throw new PosternError('bad_environment', `Not a variable to set: "${key}"`, {
        fix: /^(?:POSTERN_|LISTEN_)/.test(key)
          ? 'postern sets it itself'
          : 'use letters, digits and _; begin with a letter or _',
      });
    }
    if (value !== undefined) env[key] = value;
  }
  return env;
}
