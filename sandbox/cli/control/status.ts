// postern status: what the running postern and its plugins do.
import type { Command } from 'commander';
import { printable } from '../../../shared/printable.js';
import type { Status } from '../../supervisor/control/control-target.js';
import { describeAsks } from './asks.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { printAnswer } from './print-news.js';
import { lasted, table } from './table.js';

export function statusCommand(): Command {
  return controlCommand('status', 'show what the running postern and its plugins do', [
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
