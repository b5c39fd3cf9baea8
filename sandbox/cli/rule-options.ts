// The options for rules of `run`, `learn` and `explain`: --allow, --deny and --rules.
import { type Command, Option } from 'commander';
import { joinRules, type PlacedRules } from '../../shared/config/placed-rules.js';
import { PosternError } from '../../shared/errors.js';
import { diagnoseRule } from '../../shared/policy/diagnose-rule.js';
import { type ListName, parseRule } from '../../shared/policy/parse-rule.js';
import { asRuleOption } from './pasted-rule.js';
import { repeatable } from './repeatable.js';

export interface RuleOptions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly rules: readonly string[];
}

export interface ModeOption {
  readonly mode: 'enforce' | 'audit';
}

export function addRuleOptions(command: Command): Command {
  return command
    .addOption(
      repeatable('--allow <rule>', 'allow a destination, for example api.example.com or 10.1.0.0/16:5432'),
    )
    .addOption(repeatable('--deny <rule>', 'deny a destination, whatever is allowed'))
    .addOption(repeatable('--rules <file>', 'a file with allow: and deny: lists'));
}

export function addModeOption(command: Command): Command {
  return command.addOption(
    new Option('--mode <mode>', 'audit: allow and report what no rule allows')
      .choices(['enforce', 'audit'])
      .default('enforce'),
  );
}

/** Reads a file of rules. @throws ConfigError with every problem of the file */
export type LoadRuleFile = (path: string) => PlacedRules;

/**
 * @param load what --rules needs. The program for most runs has none
 * @throws ConfigError for a file of rules with an error
 * @throws PosternError `bad_rules`, with one line for each invalid rule of the command line
 */
export function rulesOf({ allow, deny, rules }: RuleOptions, load?: LoadRuleFile): PlacedRules {
  const problems = [...problemsOf('allow', allow), ...problemsOf('deny', deny)];
  if (problems.length > 0) throw new PosternError('bad_rules', problems);
  return joinRules([
    ...rules.map((path) => loaderOf(load)(path)),
    {
      allow: allow.map((text) => ({ text, place: '--allow' })),
      deny: deny.map((text) => ({ text, place: '--deny' })),
    },
  ]);
}

function loaderOf(load: LoadRuleFile | undefined): LoadRuleFile {
  if (load === undefined) throw new Error('This program of postern does not read files of rules');
  return load;
}

function problemsOf(list: ListName, texts: readonly string[]): string[] {
  return texts
    .filter((text) => parseRule(text, list) === undefined)
    .map((text) => {
      const { message, suggestion } = diagnoseRule(text, list);
      return suggestion === undefined ? message : `${message}; write ${asRuleOption(list, suggestion)}`;
    });
}
