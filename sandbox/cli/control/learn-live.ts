// postern learn NAME: which rules would allow what a plugin of the running postern is refused from now on. It opens nothing.
import type { Command } from 'commander';
import { asciiJson } from '../../../shared/ascii-json.js';
import { printable } from '../../../shared/printable.js';
import type { Learnt } from '../../supervisor/learn/learner.js';
import { describeLive, NewFile, ruleFileOf } from '../describe-learnt.js';
import { say } from '../say.js';
import type { ControlClient } from './control-client.js';
import { type AskOptions, controlCommand, optionalCount, withControl } from './control-command.js';

interface LearnOptions extends AskOptions {
  readonly seconds?: number;
  readonly allowed?: boolean;
  readonly output?: string;
}

const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function learnLiveCommand(): Command {
  return controlCommand('learn', [
    'learn web',
    'learn web --seconds 60 --output rules.yaml',
    'learn web --allowed --json',
    'learn -- COMMAND runs a program instead, and learns what it needs: postern learn --help',
  ])
    .description('learn which rules would allow what a running plugin is refused from now on')
    .argument('<plugin>')
    .addOption(optionalCount('--seconds <number>', 'for so long (default: until Ctrl-C)'))
    .option('--allowed', 'also what the plugin is allowed already')
    .option('--output <file>', 'write them to a new file for --rules and presets')
    .action((plugin: string, options: LearnOptions) =>
      withControl(
        options,
        (client) => learn(client, plugin, options),
        `to run a program and learn what it needs: postern learn -- ${plugin}`,
      ),
    );
}

/** @returns the exit status */
async function learn(client: ControlClient, plugin: string, options: LearnOptions): Promise<number> {
  const { seconds, allowed = false, output, json = false } = options;
  const file = output === undefined ? undefined : new NewFile(output);
  let learnt: Learnt | undefined;
  const over = new Promise<void>((resolve) => {
    for (const signal of ENDS) process.once(signal, () => resolve());
    if (seconds !== undefined) setTimeout(resolve, seconds * 1000);
  });
  learnt = (await client.watch('learn', { plugin, allowed }, undefined, ({ event }) => {
    learnt = event as Learnt;
  })) as Learnt;
  const what = allowed ? 'connects to, or is refused' : 'is refused';
  const until = seconds === undefined ? 'until Ctrl-C' : `for ${seconds} s`;
  say(`learning what "${plugin}" ${what}, ${until}`);
  const isLost = await Promise.race([over.then(() => false), client.ended.then(() => true)]);
  if (isLost) say('postern has ended, or closed the connection; this is what was learnt before');
  else await client.unwatch().catch(() => {});
  if (output !== undefined)
    file?.write(ruleFileOf(learnt, { path: output, plugin, what: allowed ? 'needs' : 'was refused' }));
  const allow = learnt.rules.map(({ rule }) => rule);
  process.stdout.write(
    json
      ? `${asciiJson({ plugin, allow, ...learnt })}\n`
      : describeLive(learnt, plugin, output)
          .map((line) => `${printable(line)}\n`)
          .join(''),
  );
  return isLost ? 1 : 0;
}
