// The commands that ask and steer a running supervisor, each with its view for people. With --json they print what the supervisor answers.

import { type Command, Option } from 'commander';
import { amount, lasted } from '../../../shared/amounts.js';
import { asciiJson } from '../../../shared/ascii-json.js';
import { KEPT_LINES } from '../../../shared/limits.js';
import { quoteDestination } from '../../../shared/policy/decision.js';
import { quote } from '../../../shared/policy/quote.js';
import { printable } from '../../../shared/printable.js';
import type { OpenConnection, OpenConnections } from '../../../shared/protocol/open-connections.js';
import { ASK_SCOPES, type AskScope } from '../../../shared/words.js';
import type {
  AskNews,
  PluginStatus,
  PolicyStatus,
  ReplacedBroker,
  ShownAsk,
  Status,
} from '../../supervisor/control/control-surface.js';
import type { Denial } from '../../supervisor/control/denials.js';
import type { LogLine } from '../../supervisor/control/plugin-logs.js';
import type { CountedRule } from '../../supervisor/control/recent-events.js';
import type { ExportFacts } from '../../supervisor/export/exporter.js';
import type { ControlName } from '../command-table.js';
import type { Reloaded } from '../config-in-force.js';
import { asYamlItems, missingRules } from '../refusal-line.js';
import { describeError, type Paint, paint, say } from '../say.js';
import type { ControlClient } from './control-client.js';
import {
  type AskOptions,
  type Column,
  controlCommand,
  countOption,
  optionalCount,
  printAnswer,
  shorten,
  sinceOption,
  table,
  withControl,
} from './control-command.js';
import { topCommand } from './top.js';

export const CONTROL_COMMANDS: Readonly<Record<ControlName, () => Command>> = {
  status: statusCommand,
  top: topCommand,
  connections: connectionsCommand,
  disconnect: disconnectCommand,
  rules: rulesCommand,
  denials: denialsCommand,
  logs: logsCommand,
  asks: asksCommand,
  approve: approveCommand,
  deny: denyCommand,
  reload: reloadCommand,
  start: () => actCommand('start', describeStarts),
  stop: () => actCommand('stop', acted('is stopped')),
  restart: () => actCommand('restart', acted('was restarted')),
};

/** Does something with plugins. @returns what it has done with each, in words */
type Act = (client: ControlClient, act: () => Promise<void>) => Promise<(plugin: string) => string>;

/** Changes what the running postern does with plugins. */
function actCommand(name: 'start' | 'stop' | 'restart', describe: Act): Command {
  return controlCommand(name, [`${name} web`, `${name} web db`, `${name} web --json`])
    .argument('<plugins...>')
    .action((plugins: readonly string[], options: AskOptions) =>
      withControl(options, async (client) => {
        let answers: readonly PromiseSettledResult<unknown>[] = [];
        // All at once: each may take its time to end.
        const act = async (): Promise<void> => {
          answers = await Promise.allSettled(plugins.map((plugin) => client.call(name, { plugin })));
        };
        const done = await describe(client, act);
        for (const [at, answer] of answers.entries()) {
          const plugin = plugins[at] ?? '';
          if (answer.status === 'rejected') say(describeError(answer.reason), 'error');
          else if (options.json === true) process.stdout.write(`${asciiJson(answer.value)}\n`);
          else process.stdout.write(`"${printable(plugin)}" ${done(plugin)}\n`);
        }
        return answers.every(({ status }) => status === 'fulfilled') ? 0 : 1;
      }),
    );
}

function acted(words: string): Act {
  return async (_client, act) => {
    await act();
    return () => words;
  };
}

/** The answer to `start` does not say what it found. */
async function describeStarts(
  client: ControlClient,
  act: () => Promise<void>,
): Promise<(plugin: string) => string> {
  const [before, , now] = [await statesOf(client), await act(), await statesOf(client)];
  return (plugin) => describeStart(now.get(plugin), before.get(plugin));
}

async function statesOf(client: ControlClient): Promise<ReadonlyMap<string, PluginStatus>> {
  const { plugins } = (await client.call('status', {})) as Status;
  return new Map(plugins.map((plugin) => [plugin.name, plugin]));
}

/** @returns what `start` did, or why there was nothing to do */
export function describeStart(now: PluginStatus | undefined, before: PluginStatus | undefined): string {
  const { pid = null, starts_in_ms: later = null, waits_for: others = [] } = now ?? {};
  if (later !== null) return `will start in ${lasted(later)}`;
  if (others.length > 0) return `waits for ${printable(others.join(', '))}`;
  return pid !== null && pid === before?.pid ? 'runs already' : 'was started';
}

interface ReloadOptions extends AskOptions {
  readonly broker?: true;
}

function reloadCommand(): Command {
  const command = controlCommand('reload', ['reload', 'reload --json', 'reload --broker']).option(
    '--broker',
    'instead, replace the broker by one of the code that is installed now',
  );
  return command.action((options: ReloadOptions) =>
    withControl(options, async (client) => {
      if (options.broker === true) {
        const replaced = (await client.call('replace_broker', {})) as ReplacedBroker;
        process.stdout.write(options.json === true ? `${asciiJson(replaced)}\n` : describeReplaced(replaced));
        return 0;
      }
      const answer = (await client.call('reload', {})) as Reloaded;
      process.stdout.write(options.json === true ? `${asciiJson(answer)}\n` : describeReloaded(answer));
      return 0;
    }),
  );
}

function describeReplaced({ pid, version, in_order: inOrder }: ReplacedBroker): string {
  const how = inOrder
    ? ''
    : '; the former one did not end in order, and calls that it had received have failed';
  return `the broker is replaced: ${pid}, version ${printable(version)}${how}\n`;
}

function describeReloaded({ added, removed, restarted, changed, destinations = [] }: Reloaded): string {
  const parts = Object.entries({ added, removed, restarted, changed })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.map(printable).join(', ')}\n`);
  const lines = destinations.map((line) => `${printable(line)}\n`);
  return parts.length === 0 ? 'nothing changed\n' : [...parts, ...lines].join('');
}

// postern asks, approve and deny: the destinations that no rule decides and somebody is asked about (`unknown: ask`).

const APPROVED: Readonly<Record<AskScope, string>> = {
  once: 'once',
  run: 'until postern ends',
  rule: 'by a rule, which is in the file now',
};

function asksCommand(): Command {
  return controlCommand('asks', ['asks', 'asks --watch', 'asks approve 3', 'asks deny 3'])
    .option('--watch', 'go on with each further one')
    .action((options: AskOptions & { readonly watch?: boolean }) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'asks',
          params: {},
          json: options.json === true,
          watch: options.watch === true,
          describe: describeAsks,
          describeEvent: describeNews,
        }),
      ),
    );
}

function approveCommand(): Command {
  return controlCommand('approve', ['approve 3', 'approve 3 --scope run', 'approve 3 --scope rule'])
    .argument('<id>', 'as asks and status show it')
    .addOption(
      new Option('--scope <scope>', 'what waits, all of it until postern ends, or a rule in the file too')
        .choices(ASK_SCOPES)
        .default('once'),
    )
    .action((id: string, { scope }: { readonly scope: AskScope }, command: Command) =>
      answer('approve', { id, scope }, command, `"${printable(id)}" is approved ${APPROVED[scope]}`),
    );
}

function denyCommand(): Command {
  return controlCommand('deny', ['deny 3'])
    .argument('<id>', 'as asks and status show it')
    .action((id: string, _options: AskOptions, command: Command) =>
      answer('deny', { id }, command, `"${printable(id)}" is denied`),
    );
}

/** @param command its options may stand behind `asks` too */
function answer(method: string, params: unknown, command: Command, done: string): Promise<never> {
  const options = command.optsWithGlobals<AskOptions>();
  return withControl(options, async (client) => {
    const result = await client.call(method, params);
    process.stdout.write(options.json === true ? `${asciiJson(result)}\n` : `${done}\n`);
    return 0;
  });
}

const ASK_COLUMNS: readonly Column<ShownAsk>[] = [
  { title: 'ASK', right: true, rank: 0, cell: ({ id }) => id },
  { title: 'PLUGIN', rank: 0, cell: ({ plugin }) => plugin },
  {
    title: 'DESTINATION',
    rank: 0,
    cell: ({ host, port }) => quoteDestination(host, port).slice(1, -1),
  },
  { title: 'PROGRAM', rank: 2, cell: ({ program }) => program ?? '-' },
  { title: 'UNTIL (UTC)', rank: 1, cell: ({ deadline }) => deadline.slice(0, 19).replace('T', ' ') },
  { title: 'RULE TO ALLOW IT', rank: 3, cell: ({ suggestion }) => asYamlItems([suggestion]) },
];

function describeAsks({ asks }: { readonly asks: readonly ShownAsk[] }): string {
  return asks.length === 0 ? 'nothing waits for an answer\n' : table(ASK_COLUMNS, asks);
}

function describeNews(news: AskNews): string {
  if ('closed' in news) return `${printable(news.closed)}: ${printable(news.answer)}\n`;
  const { id, plugin, host, port } = news.opened;
  const what = `${id}: "${plugin}" asks for ${quoteDestination(host, port)}`;
  return `${printable(what)}: postern approve ${printable(id)}, or deny ${printable(id)}\n`;
}

// postern connections: the open connections of plugins, with what they have carried so far.

interface ConnectionsOptions extends AskOptions {
  readonly limit: number;
  readonly watch?: boolean;
}

const CONNECTION_COLUMNS: readonly Column<OpenConnection>[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ plugin }) => plugin },
  { title: 'PID', right: true, rank: 5, cell: ({ pid }) => shown(pid) },
  { title: 'PROGRAM', rank: 3, cell: ({ program }) => shown(program) },
  {
    title: 'DESTINATION',
    rank: 0,
    cell: ({ host, port }) =>
      host === null || port === null ? '-' : quoteDestination(host, port).slice(1, -1),
  },
  { title: 'ADDRESS', rank: 7, cell: ({ dialed }) => dialed },
  { title: 'RULE', rank: 8, cell: ({ rule }) => shown(rule) },
  { title: 'DOOR', rank: 6, cell: ({ door }) => shown(door) },
  { title: 'AGE', rank: 4, cell: ({ age_ms: age }) => lasted(age) },
  { title: 'SENT', right: true, rank: 1, cell: ({ sent_bytes: sent }) => amount(sent) },
  { title: 'RECEIVED', right: true, rank: 2, cell: ({ received_bytes: received }) => amount(received) },
  {
    title: 'RTT',
    right: true,
    rank: 10,
    cell: ({ rtt_ms: rtt = null }) => (rtt === null ? '-' : `${rtt.toFixed(1)}ms`),
  },
  { title: 'ID', rank: 9, cell: ({ decision_id: id }) => shown(id) },
];

function connectionsCommand(): Command {
  return controlCommand('connections', ['connections', 'connections web --limit 1000', 'connections --watch'])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .addOption(countOption('--limit <number>', 'how many, the newest of each plugin', 100))
    .option('--watch', 'show them again every two seconds')
    .action((plugin: string | undefined, options: ConnectionsOptions) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'connections',
          params: { ...given({ plugin }), limit: options.limit },
          json: options.json === true,
          watch: options.watch === true,
          describe: describeConnections,
        }),
      ),
    );
}

export function describeConnections({ connections, more }: OpenConnections): string {
  if (connections.length === 0 && more === 0) return 'no connection is open\n';
  const rest = more === 0 ? '' : `and ${more} more\n`;
  return `${table(CONNECTION_COLUMNS, connections)}${rest}`;
}

function shown(value: string | number | null): string {
  return value === null ? '-' : String(value);
}

// postern disconnect: ends open connections, each by the id of its decision.

function disconnectCommand(): Command {
  return controlCommand('disconnect', ['disconnect web ID', 'connections web --json'])
    .argument('<plugin>')
    .argument('<ids...>', 'as connections shows them')
    .action((plugin: string, ids: readonly string[], options: AskOptions) =>
      withControl(options, async (client) => {
        const answers = await Promise.allSettled(
          ids.map((id) => client.call('disconnect', { plugin, decision_id: id })),
        );
        for (const [at, answer] of answers.entries()) {
          if (answer.status === 'rejected') say(describeError(answer.reason), 'error');
          else if (options.json === true) process.stdout.write(`${asciiJson(answer.value)}\n`);
          else process.stdout.write(`"${printable(ids[at] ?? '')}" is ended\n`);
        }
        return answers.every(({ status }) => status === 'fulfilled') ? 0 : 1;
      }),
    );
}

// postern rules: the rules in force, with those that have decided nothing.

interface RulesOptions extends AskOptions {
  readonly unused?: boolean;
  readonly limit: number;
}

interface RuleList {
  readonly since: string;
  readonly rules: readonly CountedRule[];
  readonly more: number;
}

const RULE_COLUMNS: readonly Column<CountedRule>[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ plugin }) => plugin },
  { title: 'LIST', rank: 1, cell: ({ list }) => list },
  { title: 'HITS', right: true, rank: 0, cell: ({ hits }) => (hits === 0 ? 'unused' : String(hits)) },
  { title: 'LAST (UTC)', rank: 2, cell: ({ last }) => last?.slice(0, 19).replace('T', ' ') ?? '-' },
  { title: 'RULE', rank: 0, cell: ({ host, rule }) => (host === null ? rule : `${host}: ${rule}`) },
];

function rulesCommand(): Command {
  return controlCommand('rules', ['rules', 'rules web --unused', 'rules --json'])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .option('--unused', 'only those that have decided nothing')
    .addOption(countOption('--limit <number>', 'how many', 200))
    .action((plugin: string | undefined, options: RulesOptions) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'rules',
          params: { ...given({ plugin }), unused: options.unused === true, limit: options.limit },
          json: options.json === true,
          watch: false,
          describe: describeRules,
        }),
      ),
    );
}

function describeRules({ since, rules, more }: RuleList): string {
  const head = `counted since ${since.slice(0, 19).replace('T', ' ')} (UTC)\n`;
  if (rules.length === 0) return `${head}no such rule\n`;
  const rest = more === 0 ? '' : `and ${more} more\n`;
  return `${head}${table(RULE_COLUMNS, rules, ({ hits }) => (hits === 0 ? 'yellow' : undefined))}${rest}`;
}

// postern denials: what was refused most often, or latest, each with the rule that would allow it.

interface DenialsOptions extends AskOptions {
  readonly latest?: boolean;
  readonly since?: string;
  readonly limit: number;
  readonly watch?: boolean;
}

function denialsCommand(): Command {
  return controlCommand('denials', [
    'denials',
    'denials web --latest',
    'denials --since 1h',
    'denials --watch --json',
  ])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .option('--latest', 'the latest first')
    .addOption(sinceOption())
    .addOption(countOption('--limit <number>', 'how many', 20))
    .option('--watch', 'go on with each further one')
    .action((plugin: string | undefined, options: DenialsOptions) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'denials',
          params: {
            ...given({ plugin, since: options.since }),
            order: options.latest === true ? 'latest' : 'count',
            limit: options.limit,
          },
          json: options.json === true,
          watch: options.watch === true,
          describe: describeDenials,
          describeEvent: describeDenial,
        }),
      ),
    );
}

const REMARKS: Readonly<Record<Denial['decision'], string>> = {
  deny: '',
  would_deny: ' (allowed in audit mode)',
  failed: ' (allowed, and failed)',
};

const DENIAL_COLUMNS: readonly Column<Denial>[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ plugin }) => plugin },
  { title: 'COUNT', right: true, rank: 1, cell: ({ count }) => String(count) },
  { title: 'LAST (UTC)', rank: 3, cell: ({ last }) => last.slice(0, 19).replace('T', ' ') },
  { title: 'PROGRAM', rank: 4, cell: ({ program }) => program ?? '-' },
  { title: 'DESTINATION', rank: 0, cell: destinationOf },
  {
    title: 'REASON',
    rank: 2,
    cell: ({ decision, reason }) => `${reason}${REMARKS[decision]}`,
  },
  { title: 'RULE TO ALLOW IT', rank: 0, cell: ruleOf },
];

function describeDenials({ denials }: { readonly denials: readonly Denial[] }): string {
  const failed = denials.filter(({ decision }) => decision === 'failed').length;
  const head = failed === 0 ? 'nothing was refused\n' : `nothing was refused, ${failed} failed\n`;
  return `${denials.length === failed ? head : ''}${failed === 0 && denials.length === 0 ? '' : table(DENIAL_COLUMNS, denials)}`;
}

function describeDenial(denial: Denial): string {
  const fix =
    missingRules(denial).length === 0
      ? ''
      : `; to allow it: add ${ruleOf(denial)} to plugins.${denial.plugin}${denial.request === null ? '' : `.gateway.${denial.host}`}.allow`;
  return printable(`${denial.last} ${denial.plugin}: ${denial.message}${fix}`).concat('\n');
}

function destinationOf({ host, port, request }: Denial): string {
  if (request !== null) return request;
  return port === null ? host : quoteDestination(host, port).slice(1, -1);
}

function ruleOf(denial: Denial): string {
  const rules = missingRules(denial);
  return rules.length === 0 ? '-' : asYamlItems(rules);
}

// postern logs: the last lines that plugins wrote, and the further ones.

interface LogsOptions extends AskOptions {
  readonly tail?: number;
  readonly lines?: number;
  readonly since?: string;
  readonly follow?: boolean;
  readonly watch?: boolean;
}

/** Without --since. With it, all that are kept. */
const LINES_SHOWN = 50;

function logsCommand(): Command {
  return controlCommand('logs', ['logs', 'logs web --tail 200', 'logs web --since 10m', 'logs web --follow'])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .option('-f, --follow', 'go on with each further line')
    .addOption(optionalCount('--tail <number>', `how many of the last ones (default: ${LINES_SHOWN})`))
    .addOption(sinceOption())
    .addOption(optionalCount('--lines <number>', 'as --tail').hideHelp())
    .addOption(new Option('--watch', 'as --follow').hideHelp())
    .action((plugin: string | undefined, { json, since, ...options }: LogsOptions) => {
      const usual = since === undefined ? LINES_SHOWN : KEPT_LINES;
      const lines = options.tail ?? options.lines ?? usual;
      return withControl(options, (client) =>
        printAnswer(client, {
          method: 'logs',
          params: { ...given({ plugin, since }), lines },
          json: json === true,
          watch: options.follow === true || options.watch === true,
          describe: ({ lines: found }: { readonly lines: readonly LogLine[] }) =>
            found.map(describeLine).join(''),
          describeEvent: describeLine,
        }),
      );
    });
}

/** @returns the parameters that have a value */
function given(params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

function describeLine({ ts, plugin, stream, text }: LogLine): string {
  const head = paint(printable(`${ts} ${plugin} ${stream === 'stderr' ? '!' : '|'}`), 'dim');
  const shown = text.replace(/\r$/, '').split('\t').map(printable).join('\t');
  return `${head} ${shown}\n`;
}

// postern status: what the running postern and its plugins do.

function statusCommand(): Command {
  return controlCommand('status', [
    'status',
    'status --watch',
    'status --json --control /run/postern/postern.sock',
  ])
    .option('--watch', 'show it again every two seconds')
    .action((options: AskOptions & { readonly watch?: boolean }) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'status',
          params: {},
          json: options.json === true,
          watch: options.watch === true,
          describe: describeStatus,
        }),
      ),
    );
}

function describePolicy(policy: PolicyStatus | null): string {
  if (policy === null) return '';
  const { serial, checked, problem, beyond } = policy;
  const which = serial === null ? 'there is none yet' : `serial ${serial}`;
  const seen = checked === null ? '' : `, its server had it at ${checked.slice(0, 19).replace('T', ' ')}`;
  const went = problem === null ? '' : `; the last look for it failed: ${problem}`;
  const lines = beyond.map(
    ({ plugin, what, example }) =>
      `  ${plugin}: ${quote(what)} goes beyond it and is not in force: it allows ${quote(example)}`,
  );
  return [`signed policy: ${which}${seen}${went}`, ...lines].map((line) => `${printable(line)}\n`).join('');
}

function describeExport(exported: ExportFacts | null): string {
  if (exported === null) return '';
  const { to, problem, last_success: last, exported: events, missing, waiting } = exported;
  const seen =
    last === null ? 'nothing was taken yet' : `last taken at ${last.slice(0, 19).replace('T', ' ')}`;
  const went = problem === null ? '' : `; it fails: ${problem}`;
  return `${printable(`export: to ${to}, ${seen}, ${events} events, ${missing} missing, ${waiting} wait${went}`)}\n`;
}

/** A failure may name a whole PATH. What started postern has said it in full, and JSON has it. */
const LONGEST_END = 40;
const STATUS_COLUMNS: readonly Column<PluginStatus>[] = [
  { title: 'PLUGIN', rank: 0, cell: ({ name }) => name },
  { title: 'STATE', rank: 0, cell: stateOf },
  { title: 'PID', right: true, rank: 4, cell: ({ pid }) => shown(pid) },
  { title: 'FOR', rank: 3, cell: ({ for_ms: ms }) => lasted(ms) },
  { title: 'STARTS', right: true, rank: 5, cell: ({ starts }) => String(starts) },
  { title: 'LAST END', rank: 2, cell: ({ last_end: end }) => shorten(shown(end), LONGEST_END) },
  {
    title: 'NEXT START',
    rank: 1,
    cell: ({ starts_in_ms: ms }) => (ms === null ? '-' : `in ${lasted(ms)}`),
  },
];
const SAYS: Column<PluginStatus> = { title: 'SAYS', rank: 6, cell: ({ status }) => shown(status) };
const NOTICED: Readonly<Record<string, Paint>> = { failed: 'red', pausing: 'yellow' };

function stateOf({ state, waits_for: others = [] }: PluginStatus): string {
  return others.length === 0 ? state : `${state} for ${others.join(', ')}`;
}

export function describeStatus(status: Status): string {
  const {
    version,
    pid,
    config,
    for_ms: ms,
    broker,
    plugins,
    asks,
    policy = null,
    export: exported = null,
    reload_problem: problem = null,
  } = status;
  const other =
    broker === null || broker.version === null || broker.version === version ? '' : ` ${broker.version}`;
  const served = broker === null ? 'no broker' : `broker${other} ${broker.pid}`;
  const head = `postern ${version}, pid ${pid}, ${served}, for ${lasted(ms)}${config === null ? '' : `, ${config}`}`;
  const failed =
    problem === null
      ? ''
      : `${paint(printable(`the last reload failed, and the configuration before it stays in force: ${problem}`), 'red')}\n`;
  const says = plugins.some(({ status }) => status !== null);
  const open = asks.length === 0 ? '' : `\n${describeAsks({ asks })}`;
  const columns = says ? [...STATUS_COLUMNS, SAYS] : STATUS_COLUMNS;
  return `${printable(head)}\n${failed}${describePolicy(policy)}${describeExport(exported)}${table(columns, plugins, ({ state }) => NOTICED[state])}${open}`;
}
