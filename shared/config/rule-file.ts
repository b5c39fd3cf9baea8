// Reads a file of rules, for `presets` and --rules: a map with `allow`, `deny` or both.
import { ConfigError } from './config-problem.js';
import { ruleFileSchema } from './config-schema.js';
import { readConfigText } from './config-text.js';
import { explainIssues } from './explain-issue.js';
import { type PlacedRules, readRules } from './placed-rules.js';
import { YamlSource } from './yaml-source.js';

/** @throws ConfigError with every problem of the file */
export function loadRuleFile(path: string): PlacedRules {
  const source = new YamlSource(path, readConfigText(path, 'name a file that holds allow: and deny: lists'));
  const parsed = ruleFileSchema.safeParse(source.value);
  const shape = parsed.success ? [] : explainIssues(parsed.error.issues, ruleFileSchema, source);
  const { allow, deny, problems } = readRules(source, []);
  if (shape.length + problems.length > 0) throw new ConfigError([...shape, ...problems]);
  return { allow, deny };
}
