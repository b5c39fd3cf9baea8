// postern connections: the open connections of plugins, with what they have carried so far.
import type { Command } from 'commander';
import { quoteDestination } from '../../../shared/policy/decision.js';
import type { OpenConnection, OpenConnections } from '../../../shared/protocol/link.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { countOption } from './count-option.js';
import { printAnswer } from './print-news.js';
import { lasted, table } from './table.js';

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

export function connectionsCommand(): Command {
  return controlCommand('connections', 'show the open connections, and the bytes of each so far', [
    'connections',
    'connections web --limit 1000',
    'connections --watch',
  ])
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
