// What the commands are, as data: for the completions of shells and for the man pages. It is read off the commands themselves, so neither can differ from
// what the command line takes.
import type { Argument, Command, Option } from 'commander';
import { Help } from 'commander';
import { presetNames } from '../../shared/config/shipped-presets.js';
import { commandRow } from './command-table.js';

/** What a shell offers where a value stands: one of these words, a file, a folder, a program with its arguments; or nothing, of which only the person knows. */
type Value = readonly string[] | 'file' | 'folder' | 'program' | 'unknown';

export interface OptionFacts {
  /** As `--follow` and `-f`. */
  readonly names: readonly string[];
  /** As in the help: `-f, --follow`, or `--allow <rule>...`. */
  readonly term: string;
  readonly description: string;
  /** Undefined: it takes no value. */
  readonly value: Value | undefined;
  readonly repeats: boolean;
  /** Of its group in the help. */
  readonly heading: string;
}

export interface CommandFacts {
  /** Behind `postern`: none for postern itself, two for `asks approve`. */
  readonly words: readonly string[];
  readonly description: string;
  /** Behind the words, as `[options] <command...>`. */
  readonly usage: string;
  readonly operands: readonly {
    readonly name: string;
    readonly description: string;
    readonly value: Value;
  }[];
  readonly options: readonly OptionFacts[];
  readonly parts: readonly CommandFacts[];
  /** Of a command that takes other options where its operands are others. */
  readonly otherForm?: CommandFacts | undefined;
  /** What stands below the options in the help: examples, exit status. */
  readonly after: string;
}

/** What the names of values and arguments mean to a shell. */
const VALUES: Readonly<Record<string, Value>> = {
  ...Object.fromEntries(['file', 'path', 'rules', 'log', 'before', 'after'].map((name) => [name, 'file'])),
  dir: 'folder',
};

export function factsOf(command: Command, before: readonly string[] = []): CommandFacts {
  const words = command.parent === null ? before : [...before, command.name()];
  return {
    words,
    description: command.description(),
    usage: command.usage(),
    operands: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      description: new Help().argumentDescription(argument),
      value: operandOf(argument, words),
    })),
    options: new Help().visibleOptions(command).map(optionOf),
    parts: command.commands.map((part) => factsOf(part, words)),
    after: afterHelp(command),
  };
}

/** @returns a command and all behind it */
export function withParts(facts: CommandFacts): readonly CommandFacts[] {
  return [facts, ...facts.parts.flatMap(withParts)];
}

/** @returns the options of both forms, each once */
export function allOptions({ options, otherForm }: CommandFacts): readonly OptionFacts[] {
  const named = new Map([...(otherForm?.options ?? []), ...options].map((one) => [one.names[0], one]));
  return [...named.values()];
}

function operandOf(argument: Argument, words: readonly string[]): Value {
  const [word = ''] = words;
  if (word === 'presets') return presetNames;
  if (commandRow(word)?.runs === true && argument.name() === 'command') return 'program';
  return argument.argChoices ?? VALUES[argument.name()] ?? 'unknown';
}

function optionOf(option: Option): OptionFacts {
  const [, name = ''] = /[<[]([\w-]+)/.exec(option.flags) ?? [];
  const known = option.long === '--preset' ? presetNames : VALUES[name];
  return {
    names: [option.long, option.short].filter((one) => one !== undefined && one !== null),
    term: option.flags,
    description: new Help().optionDescription(option).replace(' (default: [])', ''),
    value: option.required || option.optional ? (option.argChoices ?? known ?? 'unknown') : undefined,
    repeats: option.variadic,
    heading: (option.helpGroupHeading ?? 'Options').replace(/:$/, ''),
  };
}

function afterHelp(command: Command): string {
  let text = '';
  const former = command.configureOutput();
  command.configureOutput({
    writeOut: (more) => {
      text += more;
    },
  });
  command.outputHelp();
  command.configureOutput(former);
  return text.slice(command.helpInformation().length).trim();
}
