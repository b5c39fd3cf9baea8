// The options that describe a plugin on the command line, for run, learn and explain: rules, limits, calls, DNS, egress, upstream, files. Each is
// checked where it is read.

import { resolve, resolve as resolvePath } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { callsBy, checkCall } from '../../shared/config/call-forms.js';
import { didYouMean } from '../../shared/config/config-problem.js';
import type { FileGateway } from '../../shared/config/gateway-file.js';
import { GATEWAY_MIB, variablesOfGateway } from '../../shared/config/gateway-keys.js';
import {
  LIMIT_FORMS,
  type LimitForm,
  type LimitName,
  limitsOf,
  type WrittenLimits,
} from '../../shared/config/limit-forms.js';
import { isNameServer } from '../../shared/config/parse-host-port.js';
import { joinRules, type PlacedRules } from '../../shared/config/placed-rules.js';
import {
  type ListenConfig,
  PLUGIN_NAME,
  type PluginConfig,
  plainPlugin,
  pluginNameOf,
  VARIABLE_NAME,
} from '../../shared/config/plugin-config.js';
import { readProxyUrl } from '../../shared/config/proxy-url.js';
import { readDirect } from '../../shared/config/read-direct.js';
import { parseListen, resolveListeners } from '../../shared/config/resolve-listeners.js';
import { presetNames, shippedPreset } from '../../shared/config/shipped-presets.js';
import {
  DEFAULT_RESOLVES,
  MOST_MARK,
  RESOLVES,
  type Resolves,
  type ViaConfig,
} from '../../shared/config/via-config.js';
import { PosternError } from '../../shared/errors.js';
import { parseAddress } from '../../shared/policy/address.js';
import { diagnoseRule } from '../../shared/policy/diagnose-rule.js';
import { type ListName, parseRule } from '../../shared/policy/parse-rule.js';
import { quote } from '../../shared/policy/quote.js';
import { printable } from '../../shared/printable.js';
import { shellWord } from '../host/shell-word.js';
import { outsideEnvironment } from '../supervisor/start/plugin-environment.js';
import { asRuleOption } from './refusal-line.js';

// The headings under which the help of a command shows its options.

type Heading = 'Rules' | 'Files' | 'Program' | 'Network' | 'Operate';

export function addGroup(command: Command, heading: Heading, options: readonly Option[]): Command {
  for (const option of options) command.addOption(option.helpGroup(`${heading}:`));
  return command;
}

// An option that may be given several times. Its value is a list, empty by default.

function repeatable(flags: string, description: string): Option {
  return new Option(`${flags}...`, description)
    .argParser((value: string, previous: readonly string[]) => [...previous, value])
    .default([]);
}

// --gateway of `run`, `learn`, `explain` and `mcp`.

export function gatewayOption(): Option {
  return new Option(
    '--gateway <file>',
    'a file with gateway: and secrets:, for requests with a key',
  ).argParser((path: string, former: string | undefined) => {
    if (former === undefined) return path;
    throw new InvalidArgumentError('Give one file: a program has one gateway.');
  });
}

// --dns of `run` and `explain`: the DNS servers that the broker asks.

export function dnsOption(): Option {
  return repeatable('--dns <address>', 'ask this DNS server instead of those of /etc/resolv.conf');
}

/**
 * @returns undefined where none is named
 * @throws PosternError `usage`
 */
export function dnsServersOf(texts: readonly string[]): readonly string[] | undefined {
  const wrong = texts.find((text) => !isNameServer(text));
  if (wrong !== undefined) {
    throw new PosternError('usage', `Not an address of a DNS server: "${wrong}"`, {
      fix: 'write --dns 127.0.0.53, or --dns [::1]:53',
    });
  }
  return texts.length > 0 ? texts : undefined;
}

// The options for rules of `run`, `learn` and `explain`: --allow, --deny and --rules.

export interface RuleOptions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly rules: readonly string[];
  readonly preset: readonly string[];
}

export interface ModeOption {
  readonly mode: 'enforce' | 'audit';
}

/** @param names of those that the command takes; undefined: all */
export function addRuleOptions(command: Command, names?: readonly string[]): Command {
  const options = [
    repeatable('--allow <rule>', 'allow a destination, for example api.example.com or 10.1.0.0/16:5432'),
    repeatable('--deny <rule>', 'deny a destination, whatever is allowed'),
    repeatable('--rules <file>', 'a file with allow: and deny: lists'),
    repeatable('--preset <name>', 'rules that come with postern, for example npm: see postern presets'),
  ];
  return addGroup(
    command,
    'Rules',
    options.filter(({ long }) => names === undefined || names.includes(`${long}`)),
  );
}

export function addModeOption(command: Command): Command {
  return addGroup(command, 'Rules', [
    new Option('--mode <mode>', 'audit: allow and report what no rule allows')
      .choices(['enforce', 'audit'])
      .default('enforce'),
  ]);
}

/** Reads a file of rules. @throws ConfigError with every problem of the file */
type LoadRuleFile = (path: string) => PlacedRules;

/** What --rules and --gateway need. The program for most runs has none. */
export interface LoadFiles {
  readonly loadRuleFile: LoadRuleFile;
  readonly loadGatewayFile: (path: string, rules: PlacedRules) => FileGateway;
}

/**
 * @throws ConfigError for a file of rules with an error
 * @throws PosternError `bad_rules`, with one line for each invalid rule of the command line
 */
export function rulesOf({ allow, deny, rules, preset }: RuleOptions, load?: LoadRuleFile): PlacedRules {
  const problems = [
    ...problemsOf('allow', allow),
    ...problemsOf('deny', deny),
    ...preset
      .filter((name) => shippedPreset(name) === undefined)
      .map(
        (name) => `--preset ${quote(name)}: there is no such preset; name one of ${presetNames.join(', ')}`,
      ),
  ];
  if (problems.length > 0) throw new PosternError('bad_rules', problems);
  return joinRules([
    ...preset.flatMap((name) => shippedPreset(name) ?? []),
    ...rules.map((path) => present(load)(path)),
    {
      allow: allow.map((text) => ({ text, place: '--allow' })),
      deny: deny.map((text) => ({ text, place: '--deny' })),
    },
  ]);
}

function present<T>(load: T | undefined): T {
  if (load === undefined) throw new Error('This program of postern does not read files');
  return load;
}

function problemsOf(list: ListName, texts: readonly string[]): string[] {
  return texts
    .filter((text) => parseRule(text, list) === undefined)
    .map((text) => {
      const { message, suggestion } = diagnoseRule(text, list);
      return suggestion === undefined ? message : `${message}; write ${asRuleOption(list, suggestion)}`;
    });
}

// --limit NAME=VALUE of `run`: the names and ranges of a file's `limits`.

/** The names, for help and error messages. */
const LIMIT_NAMES: readonly string[] = Object.keys(LIMIT_FORMS);

/** @throws PosternError `bad_limit` */
function parseLimits(texts: readonly string[]): WrittenLimits {
  const written: Partial<Record<LimitName, number>> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/.exec(text) ?? [];
    if (!isLimit(name)) {
      const fix = didYouMean(name, LIMIT_NAMES) ?? `limits are ${LIMIT_NAMES.join(', ')}`;
      throw new PosternError('bad_limit', `Not a limit: "${name}"`, { fix });
    }
    const form: LimitForm = LIMIT_FORMS[name];
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < form.min || number > form.max) {
      throw new PosternError(
        'bad_limit',
        `Bad limit ${name}: expected a whole number from ${form.min} to ${form.max}, not "${value}"`,
        { fix: `write --limit ${name}=${form.default ?? form.min}` },
      );
    }
    written[name] = number;
  }
  return written;
}

function isLimit(name: string): name is LimitName {
  return LIMIT_NAMES.includes(name);
}

// --seccomp-allow CALL and --unsafe-seccomp-allow CALL of `run`: the names of a file's `seccomp`.

const OPTIONS = { allow: '--seccomp-allow', unsafe_allow: '--unsafe-seccomp-allow' } as const;

/** @throws PosternError `bad_call` */
function addedCalls(options: {
  readonly seccompAllow: readonly string[];
  readonly unsafeSeccompAllow: readonly string[];
}): readonly string[] {
  const added = { allow: options.seccompAllow, unsafe_allow: options.unsafeSeccompAllow };
  for (const by of ['allow', 'unsafe_allow'] as const) {
    for (const call of added[by]) {
      const problem = checkCall(call, by);
      if (problem === undefined) continue;
      const fix =
        problem.belongs === undefined
          ? didYouMean(call, callsBy(by))
          : `write ${OPTIONS[problem.belongs]} ${call}`;
      throw new PosternError('bad_call', printable(problem.message), { fix });
    }
  }
  return [...new Set([...added.allow, ...added.unsafe_allow])];
}

// --via and its companions of `run` and `learn`: how the program's connections leave this host.

/** Decimal or hexadecimal, as ip-rule(8) reads a mark. */
const NUMBER = /^(?:0x[\da-f]{1,8}|[1-9]\d{0,9})$/i;

interface ViaOptions {
  readonly via?: string;
  readonly viaCredentials?: string;
  readonly viaResolve?: Resolves;
  readonly viaDirect: readonly string[];
  readonly viaSource: readonly string[];
  readonly viaMark?: string;
}

/** @throws PosternError `bad_via` */
function viaOf({
  via,
  viaCredentials,
  viaResolve,
  viaDirect,
  viaSource,
  viaMark,
}: ViaOptions): ViaConfig | undefined {
  if (via === undefined) {
    if (viaCredentials !== undefined || viaResolve !== undefined || viaDirect.length > 0)
      throw badVia('--via-credentials, --via-resolve and --via-direct are about a proxy', 'add --via URL');
    if (viaSource.length === 0 && viaMark === undefined) return undefined;
  }
  const read = via === undefined ? undefined : readProxyUrl(via);
  if (read?.ok === false)
    throw badVia(
      `Cannot connect by the proxy of --via: ${read.message}`,
      read.fix.replace('name the file as its credentials', 'add --via-credentials FILE'),
    );
  return {
    proxy: read?.proxy,
    credentialsFile: viaCredentials === undefined ? undefined : resolvePath(viaCredentials),
    resolve: viaResolve ?? DEFAULT_RESOLVES,
    direct: directOf(viaDirect),
    source: sourcesOf(viaSource),
    mark: viaMark === undefined ? undefined : markOf(viaMark),
    resolvers: [],
  };
}

function directOf(texts: readonly string[]): readonly string[] {
  for (const text of texts) {
    const problem = readDirect(text);
    if (problem === undefined) continue;
    const { message, suggestion } = problem;
    throw badVia(`--via-direct: ${message}`, `write --via-direct ${suggestion ?? 'RULE'}`);
  }
  return texts;
}

function sourcesOf(texts: readonly string[]): readonly string[] {
  const families = texts.map((text) => {
    const address = parseAddress(text);
    if (address === undefined) throw badVia(`Not an address: "${text}"`, 'write --via-source ADDRESS');
    return address.family;
  });
  if (new Set(families).size < families.length)
    throw badVia('Two source addresses of one family', 'give one --via-source for IPv4, and one for IPv6');
  return texts;
}

function markOf(text: string): number {
  const mark = NUMBER.test(text) ? Number(text) : 0;
  if (mark >= 1 && mark <= MOST_MARK) return mark;
  throw badVia(
    `Not a mark: "${text}"`,
    `write --via-mark with a number from 1 to ${MOST_MARK}, as 42 or 0x2a`,
  );
}

function badVia(message: string, fix: string): PosternError {
  return new PosternError('bad_via', message, { fix });
}

// The options of `run` and `learn`, which run one plugin in the foreground, and the plugin configuration that they make.

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
  readonly gateway?: string;
  readonly via?: string;
  readonly viaCredentials?: string;
  readonly viaResolve?: Resolves;
  readonly viaDirect: readonly string[];
  readonly viaSource: readonly string[];
  readonly viaMark?: string;
}

/** The options that `run` and `learn` share, except those for rules. */
const RUN_OPTIONS: readonly (readonly [Heading, () => readonly Option[]])[] = [
  [
    'Files',
    () => [
      repeatable('--visible <path>', 'show a path of the host, read-only'),
      repeatable('--writable <path>', 'show a path of the host, writable'),
      repeatable('--hidden <path>', 'hide a path below one that shows'),
      new Option('--home <dir>', 'keep the home of the program in DIR, for its next runs'),
      new Option('--cwd <dir>', 'start there (default: here)'),
    ],
  ],
  [
    'Program',
    () => [
      new Option('--name <name>', 'name in metrics and audit (default: the program)'),
      repeatable('--env <key[=value]>', 'set a variable, or pass one on'),
      repeatable(
        '--listen <name=addr>',
        'pass a listening socket, for example web=127.0.0.1:8080, web=[::1]:8080 or web=/run/web.sock',
      ),
      repeatable('--limit <name=value>', `set a limit: ${LIMIT_NAMES.join(', ')}`),
      repeatable('--seccomp-allow <call>', 'add a system call to those that every program has'),
      repeatable('--unsafe-seccomp-allow <call>', 'add a system call that weakens a guarantee'),
    ],
  ],
  [
    'Network',
    () => [
      new Option('--egress <way>', 'how the program reaches the network')
        .choices(['transparent', 'channel'])
        .default('transparent'),
      dnsOption(),
      gatewayOption(),
      new Option('--via <url>', 'connect by a proxy: http://HOST:PORT or socks5://HOST:PORT'),
      new Option('--via-credentials <file>', 'a file with USER:PASSWORD for that proxy'),
      new Option('--via-resolve <who>', 'who resolves names behind a proxy').choices(RESOLVES),
      repeatable('--via-direct <rule>', 'connect to this destination without that proxy'),
      repeatable('--via-source <addr>', 'connect from this address of the host'),
      new Option('--via-mark <n>', 'mark the packets of the connections, as 42 or 0x2a'),
    ],
  ],
  [
    'Operate',
    () => [
      new Option('--metrics <addr>', 'serve Prometheus metrics on HOST:PORT'),
      new Option('--audit <file>', 'append audit events to a file, or - for stderr'),
    ],
  ],
];

// The options of `mcp`: of those of `run`, the ones that a server in a file of a client needs.

export interface McpRuleOptions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly preset: readonly string[];
  readonly visible: readonly string[];
  readonly writable: readonly string[];
  readonly home?: string;
  readonly gateway?: string;
}

/** @param chooses whether --server names which servers are meant */
export function addMcpOptions(command: Command, chooses: boolean): Command {
  const which = chooses
    ? [repeatable('--server <name>', 'this server alone (default: all); --server a --server b for two')]
    : [];
  addRuleOptions(command, ['--allow', '--deny', '--preset']);
  const files = RUN_OPTIONS.flatMap(([heading, options]) => (heading === 'Files' ? options() : []));
  addGroup(
    command,
    'Files',
    files.filter(({ long }) => ['--visible', '--writable', '--home'].includes(`${long}`)),
  );
  addGroup(command, 'Network', [gatewayOption()]);
  for (const option of [...which, new Option('--dry-run', 'show the change, and write nothing')])
    command.addOption(option);
  return command;
}

/** Every option but --mode. */
export function addRunOptions(command: Command): Command {
  addRuleOptions(command.argument('<command...>', 'the program and its arguments; put -- before it'));
  for (const [heading, options] of RUN_OPTIONS) addGroup(command, heading, options());
  return command.passThroughOptions();
}

/** @throws PosternError `usage`, `bad_name`, `bad_rules`, `bad_limit`, `listen_address`, `bad_environment`, `bad_via`; ConfigError for a file */
export function pluginOf(
  command: readonly string[],
  options: RunOptions,
  mode: PluginConfig['mode'],
  load?: LoadFiles,
): PluginConfig {
  const name = options.name ?? pluginNameOf(command[0] ?? '');
  if (!PLUGIN_NAME.test(name)) {
    throw new PosternError('bad_name', `Not a plugin name: "${name}"`, {
      fix: 'use at most 63 lower-case letters, digits, - and _; begin with a letter or digit',
    });
  }
  const rules = rulesOf(options, load?.loadRuleFile);
  return {
    ...plainPlugin(name, command),
    ...gatewayOf(options, rules, load),
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

/** Some of what a file of plugins is checked for is an option here. @throws PosternError `usage`; ConfigError for the file */
function gatewayOf(
  { gateway: path, egress, env, limit }: RunOptions,
  rules: PlacedRules,
  load: LoadFiles | undefined,
): FileGateway {
  if (path === undefined) return {};
  const refuse = (message: string, fix: string): PosternError => new PosternError('usage', message, { fix });
  if (egress === 'channel')
    throw refuse(
      '--egress channel has no way to a gateway: it is a connect(2) within the sandbox',
      'leave out one of them',
    );
  const { total_memory_mib: memory = GATEWAY_MIB } = parseLimits(limit);
  if (memory < GATEWAY_MIB)
    throw refuse(
      'The gateway counts too in total_memory_mib, and would leave no memory to the program',
      `write --limit total_memory_mib=${GATEWAY_MIB} or more`,
    );
  const read = present(load).loadGatewayFile(path, rules);
  const { secrets, placeholders } = variablesOfGateway(read);
  for (const entry of env) {
    const [key = ''] = entry.split('=');
    // protects: G23 gateway: --env passes no secret of the gateway on
    if (key === entry && secrets.includes(key))
      throw refuse(`--env ${key} would pass a secret of ${quote(path)} on to the program`, 'leave it out');
    if (placeholders.includes(key))
      throw refuse(`--env ${key}: the program gets a placeholder there, by ${quote(path)}`, 'leave it out');
  }
  return read;
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
