// postern denials: what was refused most often, or latest, each with the rule that would allow it.
import { type Command, Option } from 'commander';
import { quoteDestination } from '../../../shared/policy/decision.js';
import { printable } from '../../../shared/printable.js';
import type { Denial } from '../../supervisor/control/denials.js';
import { asYamlItems } from '../pasted-rule.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { countOption } from './count-option.js';
import { printAnswer } from './print-news.js';
import { table } from './table.js';

interface DenialsOptions extends AskOptions {
  readonly latest?: boolean;
  readonly limit: number;
  readonly watch?: boolean;
}

export function denialsCommand(): Command {
  return controlCommand('denials', 'show what was refused most often, and the rules that would allow it', [
    'denials',
    'denials web --latest',
    'denials --watch --json',
  ])
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
