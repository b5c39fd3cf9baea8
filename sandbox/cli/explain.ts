// postern explain: asks the broker for its decision on a destination, and prints it with the reason. Starts no plugin.

import { type Command, Option } from 'commander';
import { asciiJson } from '../../shared/ascii-json.js';
import { didYouMean } from '../../shared/config/config-problem.js';
import { loadGatewayFile } from '../../shared/config/gateway-file.js';
import { loadConfig } from '../../shared/config/load-config.js';
import { joinRules, type PlacedRules } from '../../shared/config/placed-rules.js';
import { type PluginConfig, plainPlugin } from '../../shared/config/plugin-config.js';
import { loadRuleFile } from '../../shared/config/rule-file.js';
import { PosternError } from '../../shared/errors.js';
import { hostOfPlainName, PLAIN_PORTS } from '../../shared/gateway.js';
import { parseAddress } from '../../shared/policy/address.js';
import { quoteDestination } from '../../shared/policy/decision.js';
import { decideHttp, httpRulesOf } from '../../shared/policy/http-rules.js';
import { parseName } from '../../shared/policy/parse-host.js';
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';
import { printable } from '../../shared/printable.js';
import type { ExplainedWay, Explanation } from '../../shared/protocol/link.js';
import { lineProblem } from '../gateway/request-head.js';
import type { LiveQuery, Status } from '../supervisor/control/control-surface.js';
import { Supervisor } from '../supervisor/supervisor.js';
import type { ControlOptions } from './control/control-client.js';
import { openControl } from './control/control-command.js';
import { configFile } from './default-config.js';
import { makeCommand } from './program.js';
import { asAllowOptions, asYamlItems, missingRules } from './refusal-line.js';
import {
  addModeOption,
  addRuleOptions,
  dnsOption,
  dnsServersOf,
  gatewayOption,
  type ModeOption,
  type RuleOptions,
  rulesOf,
} from './run-options.js';
import { describeError, paint, say } from './say.js';

interface ExplainOptions extends RuleOptions, ModeOption {
  readonly gateway?: string;
  readonly config?: string;
  readonly egress?: PluginConfig['egress'];
  readonly resolved?: string;
  readonly dns: readonly string[];
  readonly json?: boolean;
  readonly live?: boolean;
  readonly control?: string;
}

/** The rules that the explanation is about. */
interface Subject {
  /** Undefined for rules of the command line alone. */
  readonly plugin?: string;
  readonly rules: PlacedRules;
  readonly mode: PluginConfig['mode'];
  readonly egress: PluginConfig['egress'];
  readonly via?: PluginConfig['via'];
  readonly gateway?: PluginConfig['gateway'];
}

export function explainCommand(): Command {
  const command = makeCommand('explain')
    .argument(
      '<words...>',
      '[PLUGIN] HOST:PORT, unix:PATH, or "METHOD URL" for a host with a gateway; without a plugin, all plugins of the file',
    )
    .option('--config <file>', 'the file of the plugins (default: ./postern.yaml)')
    .addOption(
      new Option(
        '--egress <way>',
        "the way of the request (default: the plugin's, else transparent)",
      ).choices(['transparent', 'channel']),
    )
    .option('--resolved <addresses>', 'addresses of the name, separated by commas, instead of asking DNS')
    .addOption(dnsOption())
    .option('--live', 'ask the running postern, by the rules that are in force there')
    .option('--control <path>', 'its control socket; implies --live')
    .option('--json', 'print one JSON object for each plugin');
  return addModeOption(addRuleOptions(command))
    .addOption(gatewayOption())
    .addHelpText(
      'after',
      `
Options with ... may be given several times.

Examples:
  postern explain web api.example.com:443
  postern explain api.example.com:443 --allow '*.example.com'
  postern explain web unix:/run/postgresql/.s.PGSQL.5432
  postern explain web api.example.com:443 --live
  postern explain web 'POST https://api.example.com/repos/x'
  postern explain --gateway gateway.yaml --allow api.example.com 'POST https://api.example.com/repos/x'
  postern explain db.example.com:5432 --allow db.example.com:5432 --resolved 10.1.2.3,192.0.2.7

With a plugin, --allow and --deny are added to its rules, to try a change.
With egress transparent the answer is about the program's own connect(2): "inside" is the
sandbox's own loopback, not the host's. With egress channel it is about the client library.
Exit status: 0 where every plugin may connect, 1 otherwise, 2 for wrong usage.`,
    )
    .action(async (words: string[], options: ExplainOptions) => {
      process.exit(await explain(words, options));
    });
}

/** What the arguments cannot change. */
const HOST_FAULTS: readonly string[] = ['broker_failed', 'control_unreachable', 'control_refused'];

async function explain(words: readonly string[], options: ExplainOptions): Promise<number> {
  let answers: readonly PlacedExplanation[];
  try {
    requireOneSource(words, options);
    const request = readRequest(words.at(-1) ?? '');
    if (request !== undefined) return explainRequest(words.slice(0, -1), request, options);
    const destination = parseDestination(words.at(-1) ?? '');
    if (words.length > 2) throw new PosternError('usage', 'Give one destination, after at most one plugin');
    const plugin = words.length === 2 ? words[0] : undefined;
    const { live, control, egress, resolved } = options;
    if (live === true || control !== undefined) {
      const addresses = resolved === undefined ? {} : { resolved: readAddresses(resolved) };
      const way = egress === undefined ? {} : { egress };
      answers = await explainLive(plugin, { ...destination, ...way, ...addresses }, options);
    } else answers = await ask(subjectsOf(plugin, options), destination, options);
  } catch (error) {
    say(describeError(error), 'error');
    return error instanceof PosternError && HOST_FAULTS.includes(error.code) ? 1 : 2;
  }
  const text = options.json === true ? answers.map(asciiJson) : answers.map(describeExplanation);
  process.stdout.write(`${text.join(options.json === true ? '\n' : '\n\n')}\n`);
  return answers.every(({ decision }) => decision !== 'deny') ? 0 : 1;
}

/** @throws PosternError `usage` */
function requireOneSource(
  words: readonly string[],
  { gateway, config, live, control }: ExplainOptions,
): void {
  if (gateway === undefined || (words.length === 1 && !live && config === undefined && control === undefined))
    return;
  throw new PosternError('usage', '--gateway is for a program without a file of plugins', {
    fix: 'leave out the plugin, --config, --live and --control',
  });
}

interface Subjects {
  readonly subjects: readonly Subject[];
  /** Undefined: those of this host. */
  readonly dnsServers: readonly string[] | undefined;
}

/** @throws PosternError as loadConfig() does, `no_plugin`, `usage` */
function subjectsOf(plugin: string | undefined, options: ExplainOptions): Subjects {
  const own = rulesOf(options, loadRuleFile);
  const { mode, egress } = options;
  const dns = dnsServersOf(options.dns);
  if (plugin === undefined && options.config === undefined && own.allow.length + own.deny.length > 0)
    return {
      subjects: [
        {
          ...{ rules: own, mode, egress: egress ?? 'transparent' },
          gateway: options.gateway === undefined ? undefined : loadGatewayFile(options.gateway, own).gateway,
        },
      ],
      dnsServers: dns,
    };
  const { plugins, dnsServers } = loadConfig(configFile(options.config));
  const subjects = plugins.map(({ config, rules }) => ({
    plugin: config.name,
    rules: joinRules([rules, own]),
    mode: config.mode,
    egress: egress ?? config.egress,
    via: config.via,
    gateway: config.gateway,
  }));
  const asked = { dnsServers: dns ?? dnsServers };
  if (plugin === undefined) return { subjects, ...asked };
  const found = subjects.find((subject) => subject.plugin === plugin);
  if (found !== undefined) return { subjects: [found], ...asked };
  const names = subjects.map((subject) => subject.plugin);
  throw new PosternError('no_plugin', `There is no plugin "${plugin}"`, {
    fix: didYouMean(plugin, names) ?? `there are ${names.join(', ')}`,
  });
}

async function ask(
  { subjects, dnsServers }: Subjects,
  destination: { readonly host: string; readonly port: number },
  { resolved }: ExplainOptions,
): Promise<readonly PlacedExplanation[]> {
  const addresses = resolved === undefined ? undefined : readAddresses(resolved);
  const supervisor = new Supervisor({
    plugins: subjects.map((subject, index) => configOf(subject, index)),
    dnsServers,
  });
  await supervisor.start();
  try {
    const answers: PlacedExplanation[] = [];
    for (const [index, { plugin, rules, egress }] of subjects.entries()) {
      const question = { ...destination, egress, hostname: plugin, resolved: addresses };
      const answer = await supervisor.explain(nameOf(index), question);
      answers.push(placeExplanation(answer, rules, plugin));
    }
    return answers;
  } finally {
    await supervisor.close();
  }
}

const nameOf = (index: number): string => `p${index}`;

function readAddresses(text: string): readonly string[] {
  return text.split(',').map((part) => {
    if (parseAddress(part.trim()) === undefined) {
      throw new PosternError('usage', `Not an address: "${part.trim()}"`, {
        fix: 'separate addresses by commas, for example --resolved 192.0.2.7,2001:db8::1',
      });
    }
    return part.trim();
  });
}

/** Nothing is started, so only its rules and its ways out matter. Nobody asks the proxy or a host of the gateway, so no file of theirs is read. */
function configOf({ rules, mode, via, gateway }: Subject, index: number): PluginConfig {
  return {
    ...plainPlugin(nameOf(index), []),
    allow: rules.allow.map(({ text }) => text),
    deny: rules.deny.map(({ text }) => text),
    mode,
    via: via && { ...via, credentialsFile: undefined },
    gateway: gateway?.map((one) => ({ ...one, ca: undefined, client: undefined })),
  };
}

// postern explain --live: asks a running postern by the rules that are in force there.

/**
 * @param plugin all plugins without it
 * @throws PosternError `control_unreachable`, `control_refused`, `usage`
 */
async function explainLive(
  plugin: string | undefined,
  query: LiveQuery,
  options: ControlOptions & Pick<ExplainOptions, keyof RuleOptions | 'mode' | 'dns'>,
): Promise<readonly PlacedExplanation[]> {
  const { allow, deny, rules, preset, dns, mode } = options;
  if ([allow, deny, rules, preset, dns].some(({ length }) => length > 0) || mode === 'audit')
    throw new PosternError('usage', 'A running postern answers by its own rules, mode and DNS servers', {
      fix: 'leave out --allow, --deny, --rules, --preset, --mode and --dns, or leave out --live',
    });
  const client = await openControl(options);
  try {
    const { plugins } = (await client.call('status', {})) as Status;
    const answers: PlacedExplanation[] = [];
    for (const name of plugin === undefined ? plugins.map((one) => one.name) : [plugin]) {
      const answer = (await client.call('explain', { plugin: name, ...query })) as Explanation;
      answers.push({ plugin: name, ...answer, place: null });
    }
    return answers;
  } finally {
    client.close();
  }
}

// Explains a request through a gateway, by the rules of the file. Asks nobody.

interface AskedRequest {
  readonly method: string;
  readonly host: string;
  readonly port: number;
  readonly target: string;
  /** By the name for plain HTTP. */
  readonly isPlain: boolean;
}

/** `POST https://api.example.com/repos/x`, or `http:` with the name of a host for plain HTTP; undefined for another form. */
function readRequest(text: string): AskedRequest | undefined {
  const [, method, scheme, authority, rest] =
    /^([A-Z][A-Z-]*) (https?):\/\/([^/?#\s]+)(\S*)$/.exec(text) ?? [];
  if (method === undefined || authority === undefined) return undefined;
  // As a program sends what stands in a URL: without what is behind #.
  const [after = ''] = (rest ?? '').split('#');
  const target = after.startsWith('/') ? after : `/${after}`;
  const isBare = scheme === 'http' && !/:\d+$/.test(authority);
  const { host: written, port } = parseDestination(isBare ? `${authority}:${PLAIN_PORTS.inside}` : authority);
  const host = parseName(written) ?? written;
  if (scheme === 'https') return { method, host, port, target, isPlain: false };
  const meant = hostOfPlainName(host);
  return meant === undefined || port !== PLAIN_PORTS.inside
    ? undefined
    : { method, host: meant, port: PLAIN_PORTS.upstream, target, isPlain: true };
}

/** What a gateway decides about a request that it reads no further. */
const MALFORMED = { decision: 'deny', reason: 'bad_request', rule: undefined, target: undefined } as const;

/** Of the plugins, or of the program that has no name yet. */
function gatewaysOf(options: ExplainOptions): readonly {
  readonly name: string | null;
  readonly gateway?: PluginConfig['gateway'];
  readonly mode?: PluginConfig['mode'];
}[] {
  const { config, gateway, mode } = options;
  if (gateway === undefined) return loadConfig(configFile(config)).plugins.map((one) => one.config);
  return [{ name: null, mode, ...loadGatewayFile(gateway, rulesOf(options, loadRuleFile)) }];
}

/** @throws PosternError `usage` where an option could not count for a request */
function requireFileAlone(options: ExplainOptions): void {
  if (options.live === true || options.control !== undefined)
    throw new PosternError('usage', 'A running postern cannot be asked about a request', {
      fix: 'leave out --live and --control: the rules of the file answer, and a change of them restarts the plugin',
    });
  const { allow, deny } = rulesOf(options, loadRuleFile);
  if (options.gateway === undefined && allow.length + deny.length > 0)
    throw new PosternError('usage', 'Rules of the command line do not change what a gateway permits', {
      fix: 'write rules for requests under gateway in the file',
    });
}

/** @throws PosternError `no_plugin`, `usage` */
function explainRequest(
  [plugin]: readonly string[],
  { method, host, port, target, isPlain }: AskedRequest,
  options: ExplainOptions,
): number {
  requireFileAlone(options);
  const problem = lineProblem({ method, target });
  const answers = gatewaysOf(options).flatMap(({ name, gateway = [], mode }) => {
    const own = gateway.find((one) => one.host === host && one.ports.includes(port));
    if (own === undefined || (isPlain && own.baseUrl !== true) || (plugin !== undefined && plugin !== name))
      return [];
    const rules = { allow: httpRulesOf(own.allow), deny: httpRulesOf(own.deny) };
    const decided = {
      reason: 'rule',
      suggestion: undefined,
      ...(problem === undefined ? decideHttp(rules, { method, target }) : MALFORMED),
    };
    const { reason, rule = null, suggestion = null } = decided;
    // In mode audit a gateway lets through what no rule allows, and nothing that a deny rule covers.
    const isAudited = mode === 'audit' && decided.rule === undefined && decided.target !== undefined;
    const decision = decided.decision === 'deny' && isAudited ? 'would_deny' : decided.decision;
    const signed = own.aws === undefined ? null : `AWS ${own.aws.service} ${own.aws.region}`;
    const why = problem ?? null;
    return [{ plugin: name, method, host, port, target, decision, reason, why, rule, suggestion, signed }];
  });
  if (answers.length === 0) {
    const who = options.gateway ?? plugin;
    const what = who === undefined ? 'No plugin has a' : `"${who}" has no`;
    throw new PosternError('usage', `${what} gateway for ${quoteDestination(host, port)}`, {
      fix: `leave out the method to ask about the connection: postern explain ${host}:${port}`,
    });
  }
  for (const answer of answers) {
    const { plugin: name, decision, reason, why, rule, suggestion, signed } = answer;
    const lines = [
      ...(name === null ? [] : [['plugin', name]]),
      ['request', `${method} ${target} of ${quoteDestination(host, port)}`],
      ...(isPlain ? [['way', 'by plain HTTP in the sandbox, and by https from the gateway on']] : []),
      ['decision', decision],
      ['reason', why === null ? reason : `${reason}: ${why}`],
      ...(rule === null ? [] : [['rule', rule]]),
      ...(signed === null ? [] : [['signed', `by the gateway, for ${signed}`]]),
      ...(suggestion === null
        ? []
        : [
            [
              'to allow it',
              `add ${asYamlItems([suggestion])} to ${name === null ? '' : `plugins.${name}.`}gateway.${host}.allow`,
            ],
          ]),
    ];
    const shown = lines.map(
      ([key = '', value = '']) => `${paint(key.padEnd(11), 'dim')} ${printable(value)}`,
    );
    process.stdout.write(`${options.json === true ? asciiJson(answer) : shown.join('\n')}\n`);
  }
  return answers.some(({ decision }) => decision === 'deny') ? 1 : 0;
}

// Parses HOST:PORT, or unix:PATH, as a person types it. Pure.

/**
 * Splits `api.example.com:443`, `10.1.2.3:5432` or `[2001:db8::1]:443`; without a port, 443. `unix:/run/x.sock` has port 0.
 *
 * @throws PosternError `bad_destination`
 */
function parseDestination(text: string): { readonly host: string; readonly port: number } {
  if (text.startsWith(`${UNIX_PREFIX}/`)) return { host: text, port: 0 };
  const match = /^(?:\[([^[\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    const url = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(text)?.[1];
    const address = /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]:443` : undefined;
    const meant = url ?? address;
    throw new PosternError('bad_destination', `Not a destination: "${text}"`, {
      fix: meant === undefined ? 'write HOST:PORT, for example api.example.com:443' : `write ${meant}`,
    });
  }
  return { host, port: match?.[3] === undefined ? 443 : Number(match[3]) };
}

// Prints an explanation as lines for a person, each rule with its place.

interface PlacedExplanation extends Explanation {
  readonly plugin: string | null;
  /** `FILE:LINE` of the rule that decided, or the option that gave it. */
  readonly place: string | null;
}

function placeExplanation(
  answer: Explanation,
  rules: PlacedRules,
  plugin: string | undefined,
): PlacedExplanation {
  const list = answer.reason === 'rule' ? rules.allow : rules.deny;
  const place = list.find(({ text }) => text === answer.rule)?.place;
  return { plugin: plugin ?? null, ...answer, place: place ?? null };
}

export function describeExplanation(answer: PlacedExplanation): string {
  const { plugin, decision, reason, rule, place, message, addresses, host, port, way } = answer;
  const lines: [string, string][] = [
    ...(plugin === null ? [] : [['plugin', plugin] as [string, string]]),
    ['request', quoteDestination(host, port).slice(1, -1)],
    ['decision', decision],
    ['reason', reason],
    ['because', message.replace(/^.*?": /, '')],
  ];
  if (rule !== null) lines.push(['rule', place === null ? rule : `${rule} (${place})`]);
  const width = Math.max(0, ...addresses.map(({ address }) => address.length));
  for (const { address, class: kind, fate, rule: denied } of addresses) {
    const why = denied === null ? fate : `${fate} by ${denied}`;
    lines.push(['address', `${address.padEnd(width)}  ${kind.padEnd(9)}  ${why}`]);
  }
  if (way !== null) lines.push(['way', describeWay(way)]);
  const missing = missingRules(answer);
  if (missing.length > 0) {
    const fix =
      plugin === null ? asAllowOptions(missing) : `add ${asYamlItems(missing)} to plugins.${plugin}.allow`;
    lines.push(['to allow it', fix]);
  } else if (reason === 'denied_by_rule' && rule !== null) {
    lines.push(['to allow it', `remove the deny rule "${rule}": it wins over every allow rule`]);
  }
  const colour = decision === 'deny' ? 'red' : decision === 'allow' ? 'green' : 'yellow';
  return lines
    .map(([key, value]) => {
      const shown = key === 'decision' ? paint(value, colour) : printable(value);
      return `${paint(key.padEnd(11), 'dim')} ${shown}`;
    })
    .join('\n');
}

function describeWay({ via, tunnel, rule }: ExplainedWay): string {
  if (via !== null) return `through ${via}, which is asked for ${tunnel ?? 'it'}`;
  return rule === null
    ? 'around the proxy: it is an address of this host or of its link'
    : `around the proxy: "${rule}" of via.direct covers it`;
}
