// postern asks, approve and deny: the destinations that no rule decides and somebody is asked about (`unknown: ask`).
import { type Command, Option } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { quoteDestination } from '../../../shared/policy/decision.js';
import { printable } from '../../../shared/printable.js';
import { ASK_SCOPES, type AskScope } from '../../../shared/reasons.js';
import type { AskNews, OpenAsk } from '../../supervisor/control/control-target.js';
import { asYamlItems } from '../pasted-rule.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';
import { printAnswer } from './print-news.js';
import { table } from './table.js';

const APPROVED: Readonly<Record<AskScope, string>> = {
  once: 'once',
  run: 'until postern ends',
  rule: 'by a rule, which is in the file now',
};

export function askCommands(): readonly Command[] {
  return [asksCommand(), approveCommand(), denyCommand()];
}

function asksCommand(): Command {
  return controlCommand('asks', 'show the destinations that wait for an answer (unknown: ask)', [
    'asks',
    'asks --watch',
  ])
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
  return controlCommand('approve', 'permit a destination that waits for an answer', [
    'approve 3',
    'approve 3 --scope run',
    'approve 3 --scope rule',
  ])
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
  return controlCommand('deny', 'refuse a destination that waits for an answer', ['deny 3'])
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

export function describeAsks({ asks }: { readonly asks: readonly OpenAsk[] }): string {
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
