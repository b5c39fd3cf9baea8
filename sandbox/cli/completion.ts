// postern completion: prints a script by which bash, zsh or fish completes the commands, their options and the values of these. The scripts hold all
// words themselves: a completion starts no Node, reads no file of postern's, and evaluates nothing that the person has typed. Libraries that
// complete for commander ask the program at each Tab; the script of one of them evaluates the line for that, so that typing would run code.
import { Argument, type Command } from 'commander';
import { allOptions, type CommandFacts, type OptionFacts, withParts } from './command-facts.js';
import { makeCommand } from './program.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** @param postern returns the command with all others behind it */
export function completionCommand(postern: () => CommandFacts): Command {
  return makeCommand('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  postern completion bash >~/.local/share/bash-completion/completions/postern
  postern completion zsh >~/.zfunc/_postern
  postern completion fish >~/.config/fish/completions/postern.fish

zsh needs the folder in fpath, before compinit. For one bash: source <(postern completion bash)
Exit status: 0, 2 for wrong usage.`,
    )
    .action((shell: Shell) => {
      process.stdout.write(WRITERS[shell](withParts(postern())));
    });
}

const WRITERS: Readonly<Record<Shell, (all: readonly CommandFacts[]) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function withValue(options: readonly OptionFacts[]): readonly OptionFacts[] {
  return options.filter(({ value }) => value !== undefined);
}

function runsAProgram({ operands }: CommandFacts): boolean {
  return operands.some(({ value }) => value === 'program');
}

/** Of the first operand, which stands for those behind it too. */
function operandValue({ operands }: CommandFacts): OptionFacts['value'] {
  return operands[0]?.value;
}

// bash. It parts words at `=` and `:`, which are no words of their own here.

function bashValue(value: OptionFacts['value']): string {
  if (value === undefined || value === 'unknown') return "''";
  return quoted(typeof value === 'string' ? `@${value}` : value.join(' '));
}

function bashScript(all: readonly CommandFacts[]): string {
  const rows = all.map((facts) => {
    const options = allOptions(facts);
    const names = options.flatMap((option) => option.names);
    const valued = withValue(options).flatMap((option) => option.names);
    const parts = facts.parts.map(({ words }) => words.at(-1));
    return `    ${quoted(facts.words.join(' '))}) options=${quoted(names.join(' '))} valued=${quoted(` ${valued.join(' ')} `)} parts=${quoted(` ${parts.join(' ')} `)} operand=${bashValue(operandValue(facts))} ;;`;
  });
  const values = all.flatMap((facts) =>
    withValue(allOptions(facts))
      .filter(({ value }) => value !== 'unknown')
      .flatMap(({ names, value }) =>
        names.map(
          (name) => `    ${quoted([...facts.words, name].join(' '))}) offered=${bashValue(value)} ;;`,
        ),
      ),
  );
  return `# bash completion of postern. "postern completion bash" wrote it.
_postern_command() {
  case $1 in
${rows.join('\n')}
  esac
}
_postern_values() {
  offered=
  case $1 in
${values.join('\n')}
  esac
}
_postern() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= pending= ended= at word options valued parts operand offered
  COMPREPLY=()
  _postern_command ''
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    case $word in
      =) [[ $pending ]] || pending=\${COMP_WORDS[at - 1]}; continue ;;
      :) at=$((at + 1)); continue ;;
    esac
    if [[ $pending ]]; then
      [[ \${COMP_WORDS[at + 1]} == = && $at -lt $((COMP_CWORD - 1)) ]] && at=$((at + 1)) && continue
      pending=
    elif [[ ! $ended && $word == -- ]]; then
      ended=1
    elif [[ ! $ended && $word == -* ]]; then
      [[ $valued == *" $word "* ]] && pending=$word
    elif [[ $parts == *" $word "* ]]; then
      command="\${command:+$command }$word"
      _postern_command "$command"
    elif [[ $operand == @program ]]; then
      break
    fi
  done
  if [[ $at -lt $COMP_CWORD ]]; then
    if declare -F _command_offset >/dev/null; then _command_offset "$at"; else _postern_offer @file "$current"; fi
  elif [[ $pending ]]; then
    _postern_values "\${command:+$command }$pending"
    [[ $current == = ]] && current=
    _postern_offer "$offered" "$current"
  elif [[ ! $ended && $current == -* ]]; then
    _postern_offer "$options" "$current"
  elif [[ \${parts// /} ]]; then
    _postern_offer "$parts" "$current"
  else
    _postern_offer "$operand" "$current"
  fi
}
_postern_offer() {
  local words=(-W "$1")
  case $1 in
    @program) words=(-c) ;;
    @folder) words=(-d) ;;
    @file) words=(-f) ;;
  esac
  [[ $1 != @* ]] || compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "\${words[@]}" -- "$2" | sort -u)
}
complete -F _postern postern
`;
}

// zsh, by its _arguments.

/** In a specification of _arguments a colon ends a part, and brackets hold the description. */
function zshText(text: string): string {
  return text.replace(/[\\:[\]]/g, '\\$&');
}

function zshValue(value: OptionFacts['value']): string {
  if (typeof value === 'object') return `(${value.join(' ')})`;
  return value === 'file' ? '_files' : value === 'folder' ? '_files -/' : '( )';
}

function zshScript(all: readonly CommandFacts[]): string {
  const functions = all.map((facts) => {
    const options = allOptions(facts).flatMap(({ names, description, value, repeats }) => {
      const others = repeats ? '*' : `(${names.join(' ')})`;
      const argument = value === undefined ? '' : `:value:${zshValue(value)}`;
      return names.map((name) => {
        const joined = value !== undefined && name.startsWith('--') ? '=' : '';
        return quoted(`${others}${name}${joined}[${zshText(description)}]${argument}`);
      });
    });
    const lines = ['-s', '-S', ...options, ...zshOperands(facts)].join(' \\\n    ');
    const hasParts = facts.parts.length > 0;
    return `${zshName(facts)}() {
${hasParts ? '  local context state state_descr line\n  typeset -A opt_args\n' : ''}  _arguments ${hasParts ? '-C ' : ''}${lines}
${hasParts ? zshParts(facts) : ''}}`;
  });
  return `#compdef postern
# "postern completion zsh" wrote it.
${functions.join('\n')}
if [ "$funcstack[1]" = _postern ]; then _postern "$@"; else compdef _postern postern; fi
`;
}

function zshName({ words }: CommandFacts): string {
  return ['_postern', ...words].join('_');
}

function zshOperands(facts: CommandFacts): readonly string[] {
  if (facts.parts.length > 0) return [quoted('1: :->command'), quoted('*::: :->rest')];
  if (runsAProgram(facts)) return [quoted('(-)1:program: _command_names -e'), quoted('*::program: _normal')];
  return facts.operands.length === 0
    ? []
    : [quoted(`*:${zshText(facts.operands[0]?.name ?? '')}:${zshValue(operandValue(facts))}`)];
}

function zshParts({ parts }: CommandFacts): string {
  const listed = parts.map(({ words, description }) =>
    quoted(`${words.at(-1)}:${description.replaceAll(':', '\\:')}`),
  );
  const cases = parts.map((part) => `        ${part.words.at(-1)}) ${zshName(part)} ;;`);
  return `  case $state in
    command)
      local -a commands=(
        ${listed.join('\n        ')}
      )
      _describe -t commands command commands ;;
    rest)
      words=("$line[1]" "\${words[@]}")
      (( CURRENT += 1 ))
      case $line[1] in
${cases.join('\n')}
      esac ;;
  esac
`;
}

// fish.

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

function fishValue(value: OptionFacts['value'], valued: readonly string[]): string {
  if (value === undefined) return '-f';
  if (typeof value === 'object') return `-x -a ${fishQuoted(value.join(' '))}`;
  if (value === 'file') return '-r -F';
  if (value === 'folder') return `-x -a '(__fish_complete_directories)'`;
  if (value === 'unknown') return '-x';
  // That function takes long options before the first other word for its own.
  return `-x -a ${fishQuoted(`(__fish_complete_subcommand --fcs-skip=2 - ${valued.join(' ')})`)}`;
}

function fishScript(all: readonly CommandFacts[]): string {
  const lines = all.flatMap((facts) => {
    const when = `-n ${fishQuoted(fishCondition(facts))}`;
    const valued = withValue(allOptions(facts)).flatMap(({ names }) => names);
    const parts = facts.parts.map(
      ({ words, description }) => `${when} -f -a ${words.at(-1)} -d ${fishQuoted(description)}`,
    );
    const options = allOptions(facts).map(({ names, description, value }) => {
      const named = names.map((name) =>
        name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
      );
      return `${when} ${named.join(' ')} ${fishValue(value, [])} -d ${fishQuoted(description)}`;
    });
    const operand =
      facts.parts.length > 0 || facts.operands.length === 0
        ? []
        : [`${when} ${fishValue(operandValue(facts), valued)}`];
    return [...parts, ...options, ...operand];
  });
  return `# fish completion of postern. "postern completion fish" wrote it.
complete -c postern -f
${lines.map((line) => `complete -c postern ${line}`).join('\n')}
`;
}

/** The word that names a command, without one behind it. A word of a program's arguments names none. */
function fishCondition({ words, parts }: CommandFacts): string {
  const behind = parts.map((part) => part.words.at(-1)).join(' ');
  const [first, second] = words;
  if (first === undefined) return '__fish_use_subcommand';
  const command = `contains -- ${first} (commandline -xpc)[2]`;
  if (second !== undefined) return `${command}; and __fish_seen_subcommand_from ${second}`;
  return behind === '' ? command : `${command}; and not __fish_seen_subcommand_from ${behind}`;
}
