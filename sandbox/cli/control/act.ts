// postern start, stop, restart and reload: change what the running postern does.
import type { Command } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { printable } from '../../../shared/printable.js';
import type { Reloaded, ReplacedBroker } from '../../supervisor/control/control-target.js';
import { type AskOptions, controlCommand, withControl } from './control-command.js';

const ACTS = [
  ['start', 'start a plugin that was stopped or has ended', 'was started'],
  ['stop', 'stop a plugin until it is started again', 'is stopped'],
  ['restart', 'stop a plugin and start it at once', 'was restarted'],
] as const;

export function actCommands(): readonly Command[] {
  return ACTS.map(([name, description, done]) =>
    controlCommand(name, description, [`${name} web`, `${name} web --json`])
      .argument('<plugin>')
      .action((plugin: string, options: AskOptions) =>
        withControl(options, async (client) => {
          const answer = await client.call(name, { plugin });
          process.stdout.write(
            options.json === true ? `${asciiJson(answer)}\n` : `"${printable(plugin)}" ${done}\n`,
          );
          return 0;
        }),
      ),
  );
}

interface ReloadOptions extends AskOptions {
  readonly broker?: true;
}

export function reloadCommand(): Command {
  const command = controlCommand('reload', 'read the configuration again, and put it in force', [
    'reload',
    'reload --json',
    'reload --broker',
  ]).option('--broker', 'instead, replace the broker by one of the code that is installed now');
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

function describeReloaded({ added, removed, restarted, changed }: Reloaded): string {
  const parts = Object.entries({ added, removed, restarted, changed })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.map(printable).join(', ')}\n`);
  return parts.length === 0 ? 'nothing changed\n' : parts.join('');
}
