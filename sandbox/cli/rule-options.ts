// Rules from the command line: --allow, --deny and --rules, of `run` and `explain`.
import { type Command, Option } from 'commander';
import { joinRules, type PlacedRules } from '../../shared/config/placed-rules.js';
import { loadRuleFile } from '../../shared/config/rule-file.js';

export interface RuleOptions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly rules: readonly string[];
  readonly mode: 'enforce' | 'audit';
}

export const collect = (value: string, previous: readonly string[]): readonly string[] => [
  ...previous,
  value,
];

export function addRuleOptions(command: Command): Command {
  return command
    .option(
      '--allow <rule>',
      'allow a destination, as api.example.com or 10.1.0.0/16:5432; may be repeated',
      collect,
      [],
    )
    .option('--deny <rule>', 'deny a destination, whatever is allowed; may be repeated', collect, [])
    .option('--rules <file>', 'a file with allow: and deny: lists; may be repeated', collect, [])
    .addOption(
      new Option('--mode <mode>', 'audit: let pass and report what no rule allows')
        .choices(['enforce', 'audit'])
        .default('enforce'),
    );
}

/** @throws ConfigError for a file of rules with anything wrong in it */
export function rulesOf({ allow, deny, rules }: RuleOptions): PlacedRules {
  return joinRules([
    ...rules.map((path) => loadRuleFile(path)),
    {
      allow: allow.map((text) => ({ text, place: '--allow' })),
      deny: deny.map((text) => ({ text, place: '--deny' })),
    },
  ]);
}
