// postern logs: the last lines that plugins wrote, and the further ones.
import type { Command } from 'commander';
import { printable } from '../../../shared/printable.js';
import type { LogLine } from '../../supervisor/control/plugin-logs.js';
import { paint } from '../colour.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { countOption } from './count-option.js';
import { printAnswer } from './print-news.js';

export function logsCommand(): Command {
  return controlCommand('logs', 'show the last lines that plugins wrote', [
    'logs',
    'logs web --lines 200',
    'logs web --watch',
  ])
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
