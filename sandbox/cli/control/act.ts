// postern start, stop, restart and reload: change what the running postern does.
import type { Command } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { printable } from '../../../shared/printable.js';
import type { Reloaded } from '../../supervisor/control/control-target.js';
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

export function reloadCommand(): Command {
  return controlCommand('reload', 'read the configuration again, and put it in force', [
    'reload',
    'reload --json',
  ]).action((options: AskOptions) =>
    withControl(options, async (client) => {
      const answer = (await client.call('reload', {})) as Reloaded;
      process.stdout.write(options.json === true ? `${asciiJson(answer)}\n` : describeReloaded(answer));
      return 0;
    }),
  );
}

function describeReloaded({ added, removed, restarted, changed }: Reloaded): string {
  const parts = Object.entries({ added, removed, restarted, changed })
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.map(printable).join(', ')}\n`);
  return parts.length === 0 ? 'nothing changed\n' : parts.join('');
}
