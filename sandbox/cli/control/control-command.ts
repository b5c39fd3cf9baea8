// What all commands of an operator share: their options, the connection, errors and exit status.
import { Command } from 'commander';
import { PosternError } from '../../../shared/errors.js';
import { describeError, say } from '../say.js';
import { writeOut } from '../waiting-streams.js';
import { type ControlClient, connectControl } from './control-client.js';
import { type ControlOptions, findControl } from './find-control.js';

export interface AskOptions extends ControlOptions {
  readonly json?: boolean;
}

const EXIT = `
It finds the running postern by --control, else by ./postern.yaml or --config, else it takes the only one of this user.
Exit status: 0, 1 where postern refuses or is not reached, 2 for wrong usage.`;

export function controlCommand(name: string, description: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(description)
    .option('--control <path>', 'the control socket (default: that of ./postern.yaml, else the only one)')
    .option('--config <file>', 'the file that the running postern was started with')
    .option('--json', 'print JSON')
    .addHelpText('after', `\nExamples:\n${examples.map((one) => `  postern ${one}`).join('\n')}\n${EXIT}`);
}

/** Asks the running supervisor, and ends this process. @param ask returns the exit status @param hint a line after an error */
export async function withControl(
  options: ControlOptions,
  ask: (client: ControlClient) => Promise<number>,
  hint?: string,
): Promise<never> {
  let status: number;
  try {
    status = await ask(await openControl(options));
  } catch (error) {
    say([...describeError(error), ...(hint === undefined ? [] : [hint])]);
    status = error instanceof PosternError && error.code === 'usage' ? 2 : 1;
  }
  await writeOut();
  process.exit(status);
}

/** @throws PosternError `control_unreachable`; ConfigError */
export async function openControl(options: ControlOptions): Promise<ControlClient> {
  const { path, config } = await findControl(options);
  const client = await connectControl(path);
  if (config === undefined) return client;
  const facts = (await client.call('supervisor', {})) as { readonly config?: unknown };
  if (/* protects: G21 control: a command asks no other project => true */ facts.config === config)
    return client;
  client.close();
  throw new PosternError(
    'control_unreachable',
    `The postern at "${path}" runs "${facts.config}", and not "${config}"`,
    { fix: `name it by --control "${path}" if it is meant, or start "postern up" here` },
  );
}
