// The commands that ask and steer a running supervisor, each with its view for people. With --json they print what the supervisor answers.

import { type Command, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { quoteDestination } from '../../../shared/policy/decision.js';
import { printable } from '../../../shared/printable.js';
import type { OpenConnection, OpenConnections } from '../../../shared/protocol/open-connections.js';
import { ASK_SCOPES, type AskScope } from '../../../shared/words.js';
import type { AskNews, OpenAsk, ReplacedBroker, Status } from '../../supervisor/control/control-surface.js';
import type { Denial } from '../../supervisor/control/denials.js';
import type { LogLine } from '../../supervisor/control/plugin-logs.js';
import type { ReloadPlan } from '../../supervisor/fleet/reload.js';
import type { AskingName } from '../command-table.js';
import { asYamlItems } from '../refusal-line.js';
import { paint } from '../say.js';
import {
  type AskOptions,
  controlCommand,
  countOption,
  lasted,
  printAnswer,
  table,
  withControl,
} from './control-command.js';
import { topCommand } from './top.js';

export const ASKING_COMMANDS: Readonly<Record<AskingName, () => Command>> = {
  status: statusCommand,
  top: topCommand,
  connections: connectionsCommand,
  denials: denialsCommand,
  logs: logsCommand,
  asks: asksCommand,
  approve: approveCommand,
  deny: denyCommand,
  reload: reloadCommand,
  start: () => actCommand('start', 'was started'),
  stop: () => actCommand('stop', 'is stopped'),
  restart: () => actCommand('restart', 'was restarted'),
};

/** Changes what the running postern does with a plugin. */
function actCommand(name: 'start' | 'stop' | 'restart', done: string): Command {
  return controlCommand(name, [`${name} web`, `${name} web --json`])
    .argument('<plugin>')
    .action((plugin: string, options: AskOptions) =>
      withControl(options, async (client) => {
        const answer = await client.call(name, { plugin });
        process.stdout.write(
          options.json === true ? `${asciiJson(answer)}\n` : `"${printable(plugin)}" ${done}\n`,
        );
        return 0;
      }),
    );
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
      const answer = (await client.call('reload', {})) as ReloadPlan;
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

function describeReloaded({ added, removed, restarted, changed }: ReloadPlan): string {
  const parts = Object.entries({ added, removed, restarted, changed })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.map(printable).join(', ')}\n`);
  return parts.length === 0 ? 'nothing changed\n' : parts.join('');
}

// postern asks, approve and deny: the destinations that no rule decides and somebody is asked about (`unknown: ask`).

const APPROVED: Readonly<Record<AskScope, string>> = {
  once: 'once',
  run: 'until postern ends',
  rule: 'by a rule, which is in the file now',
};

function asksCommand(): Command {
  return controlCommand('asks', ['asks', 'asks --watch'])
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
    .action((id: string, options: AskOptions & { readonly scope: AskScope }) =>
      answer(
        'approve',
        { id, scope: options.scope },
        options,
        `"${printable(id)}" is approved ${APPROVED[options.scope]}`,
      ),
    );
}

function denyCommand(): Command {
  return controlCommand('deny', ['deny 3'])
    .argument('<id>', 'as asks and status show it')
    .action((id: string, options: AskOptions) =>
      answer('deny', { id }, options, `"${printable(id)}" is denied`),
    );
}

function answer(method: string, params: unknown, options: AskOptions, done: string): Promise<never> {
  return withControl(options, async (client) => {
    const result = await client.call(method, params);
    process.stdout.write(options.json === true ? `${asciiJson(result)}\n` : `${done}\n`);
    return 0;
  });
}

function describeAsks({ asks }: { readonly asks: readonly OpenAsk[] }): string {
  if (asks.length === 0) return 'nothing waits for an answer\n';
  const rows = asks.map(({ id, plugin, host, port, program, deadline, suggestion }) => [
    id,
    plugin,
    quoteDestination(host, port).slice(1, -1),
    program ?? '-',
    deadline.slice(0, 19).replace('T', ' '),
    asYamlItems([suggestion]),
  ]);
  const titles = ['ASK', 'PLUGIN', 'DESTINATION', 'PROGRAM', 'UNTIL (UTC)', 'RULE TO ALLOW IT'];
  return table(titles, rows, [0]);
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

const TITLES = [
  'PLUGIN',
  'PID',
  'PROGRAM',
  'DESTINATION',
  'ADDRESS',
  'RULE',
  'DOOR',
  'AGE',
  'SENT',
  'RECEIVED',
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
          params: { ...(plugin === undefined ? {} : { plugin }), limit: options.limit },
          json: options.json === true,
          watch: options.watch === true,
          describe: describeConnections,
        }),
      ),
    );
}

function describeConnections({ connections, more }: OpenConnections): string {
  if (connections.length === 0 && more === 0) return 'no connection is open\n';
  const rest = more === 0 ? '' : `and ${more} more\n`;
  return `${table(TITLES, connections.map(rowOf), [1, 8, 9])}${rest}`;
}

function rowOf(one: OpenConnection): readonly string[] {
  const { host, port } = one;
  return [
    one.plugin,
    shown(one.pid),
    shown(one.program),
    host === null || port === null ? '-' : quoteDestination(host, port).slice(1, -1),
    one.dialed,
    shown(one.rule),
    shown(one.door),
    lasted(one.age_ms),
    shown(one.sent_bytes),
    shown(one.received_bytes),
  ];
}

function shown(value: string | number | null): string {
  return value === null ? '-' : String(value);
}

// postern denials: what was refused most often, or latest, each with the rule that would allow it.

interface DenialsOptions extends AskOptions {
  readonly latest?: boolean;
  readonly limit: number;
  readonly watch?: boolean;
}

function denialsCommand(): Command {
  return controlCommand('denials', ['denials', 'denials web --latest', 'denials --watch --json'])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .addOption(new Option('--latest', 'the latest first'))
    .addOption(countOption('--limit <number>', 'how many', 20))
    .option('--watch', 'go on with each further one')
    .action((plugin: string | undefined, options: DenialsOptions) =>
      withControl(options, (client) =>
        printAnswer(client, {
          method: 'denials',
          params: {
            ...(plugin === undefined ? {} : { plugin }),
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

function describeDenials({ denials }: { readonly denials: readonly Denial[] }): string {
  if (denials.length === 0) return 'nothing was refused\n';
  const rows = denials.map((denial) => [
    denial.plugin,
    String(denial.count),
    denial.last.slice(0, 19).replace('T', ' '),
    denial.program ?? '-',
    destinationOf(denial),
    denial.decision === 'would_deny' ? `${denial.reason} (allowed in audit mode)` : denial.reason,
    ruleOf(denial),
  ]);
  return table(
    ['PLUGIN', 'COUNT', 'LAST (UTC)', 'PROGRAM', 'DESTINATION', 'REASON', 'RULE TO ALLOW IT'],
    rows,
    [1],
  );
}

function describeDenial(denial: Denial): string {
  const fix =
    denial.suggestion === null
      ? ''
      : `; to allow it: add ${ruleOf(denial)} to plugins.${denial.plugin}.allow`;
  return printable(`${denial.last} ${denial.plugin}: ${denial.message}${fix}`).concat('\n');
}

function destinationOf({ host, port }: Denial): string {
  return port === null ? host : quoteDestination(host, port).slice(1, -1);
}

function ruleOf({ suggestion }: Denial): string {
  return suggestion === null ? '-' : asYamlItems([suggestion]);
}

// postern logs: the last lines that plugins wrote, and the further ones.

function logsCommand(): Command {
  return controlCommand('logs', ['logs', 'logs web --lines 200', 'logs web --watch'])
    .argument('[plugin]', 'of this plugin (default: of all)')
    .addOption(countOption('--lines <number>', 'how many', 50))
    .option('--watch', 'go on with each further line')
    .action(
      (
        plugin: string | undefined,
        options: AskOptions & { readonly lines: number; readonly watch?: boolean },
      ) =>
        withControl(options, (client) =>
          printAnswer(client, {
            method: 'logs',
            params: { ...(plugin === undefined ? {} : { plugin }), lines: options.lines },
            json: options.json === true,
            watch: options.watch === true,
            describe: ({ lines }: { readonly lines: readonly LogLine[] }) => lines.map(describeLine).join(''),
            describeEvent: describeLine,
          }),
        ),
    );
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

function describeStatus({ version, pid, config, for_ms: ms, broker, plugins, asks }: Status): string {
  const other =
    broker === null || broker.version === null || broker.version === version ? '' : ` ${broker.version}`;
  const served = broker === null ? 'no broker' : `broker${other} ${broker.pid}`;
  const head = `postern ${version}, pid ${pid}, ${served}, for ${lasted(ms)}${config === null ? '' : `, ${config}`}`;
  const says = plugins.some(({ status }) => status !== null);
  const rows = plugins.map((plugin) => [
    plugin.name,
    plugin.state,
    plugin.pid === null ? '-' : String(plugin.pid),
    lasted(plugin.for_ms),
    String(plugin.starts),
    plugin.last_end ?? '-',
    plugin.starts_in_ms === null ? '-' : `in ${lasted(plugin.starts_in_ms)}`,
    ...(says ? [plugin.status ?? '-'] : []),
  ]);
  const titles = [
    'PLUGIN',
    'STATE',
    'PID',
    'FOR',
    'STARTS',
    'LAST END',
    'NEXT START',
    ...(says ? ['SAYS'] : []),
  ];
  const open = asks.length === 0 ? '' : `\n${describeAsks({ asks })}`;
  return `${printable(head)}\n${table(titles, rows, [2, 4])}${open}`;
}
