// Runs the command line: reads the arguments, carries out a command, and reports a wrong call. The commands are given.
import { Command, CommanderError, Help } from 'commander';
import { VERSION } from '../../shared/bundles.js';
import { exitAtOnce } from '../../shared/sys/process-control.js';
import { COMMAND_NAMES, COMMANDS, type CommandName, commandRow } from './command-table.js';
import { describeError, isSystemError, say } from './say.js';
import { keepIgnoring } from './signals.js';

const USAGE = 2;
/** For commands whose exit status is their program's. */
const RUN_USAGE = 125;

/** The commands for a running postern have a `learn` too, which runs nothing. */
function runsAProgram(commands: readonly Command[]): boolean {
  const row = commandRow(process.argv[2] ?? '');
  return row?.runs === true && commands.some((command) => command.name() === 'run');
}

/** A command, without its arguments, options and action. */
export function makeCommand(name: CommandName): Command {
  const { group, description } = COMMANDS[name];
  return new Command(name).description(description).helpGroup(`${group}:`);
}

/** The commands that there is a maker for, in the order of the table, each with its parts. */
export function makeAll(makers: Partial<Readonly<Record<CommandName, () => Command>>>): readonly Command[] {
  return COMMAND_NAMES.flatMap((name) => {
    const command = makers[name]?.();
    for (const part of COMMANDS[name].parts ?? []) {
      const made = makers[part]?.();
      if (made !== undefined) command?.addCommand(made);
    }
    return command ?? [];
  });
}

/** @param commands in the order of the help text */
export async function runProgram(commands: readonly Command[]): Promise<void> {
  // Node resets its signals and then takes a while to exit. A signal in between would replace the exit status.
  process.on('exit', exitAtOnce);
  // Node prints a fault of postern only after that event.
  process.on('uncaughtExceptionMonitor', () => process.off('exit', exitAtOnce));
  keepIgnoring();
  try {
    await makeProgram(commands).parseAsync(wordsOf(process.argv.slice(2)), { from: 'user' });
  } catch (error) {
    if (isSystemError(error)) say(describeError(error), 'error');
    else if (!(error instanceof CommanderError)) throw error;
    if (!(error instanceof CommanderError) || error.exitCode !== 0)
      process.exitCode = runsAProgram(commands) ? RUN_USAGE : USAGE;
  }
}

const HELP_WORDS: readonly string[] = ['help', '--help', '-h'];

/** A question for help is the same wherever its word stands: `help run`, `--help run`, `run --help`. */
function wordsOf(words: readonly string[]): readonly string[] {
  const [first = '', command] = words;
  if (!HELP_WORDS.includes(first) || command === undefined) return first === 'help' ? ['--help'] : words;
  return commandRow(command) === undefined ? [command] : [command, '--help'];
}

/** @param commands in the order of the help text @returns the command `postern` with them behind it */
export function makeProgram(commands: readonly Command[]): Command {
  const postern = new Command('postern')
    .description('Runs untrusted programs with no network but the connections you permit')
    .version(VERSION)
    .enablePositionalOptions()
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      // An empty list as the default says nothing.
      optionDescription: (option) => new Help().optionDescription(option).replace(' (default: [])', ''),
    })
    .addHelpText(
      'after',
      `
Examples:
  postern run --allow api.example.com -- node plugin.js
  postern learn -- node plugin.js
  postern init && postern check && postern up
  postern explain api.example.com:443 --allow '*.example.com'

postern help COMMAND shows the options of a command.`,
    );
  for (const command of commands) postern.addCommand(command);
  settle(postern, 'postern');
  return postern;
}

/** Gives a command, and those behind it, one way of help, of errors and of their end. @param words that name it */
function settle(command: Command, words: string): void {
  command
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) =>
        write(
          `postern: ${text
            .replace(/^error: /, '')
            .trim()
            .replace(/\s*\n\s*/g, ' ')
            .replace(/\.$/, '')}; ${words} --help shows what there is\n`,
        ),
    });
  for (const part of command.commands) settle(part.copyInheritedSettings(command), `${words} ${part.name()}`);
}
