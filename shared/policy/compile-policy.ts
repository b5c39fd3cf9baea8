// Compiles rules into an index. One invalid rule refuses them all. The caller decides which rules are then in force.
import { createHash } from 'node:crypto';
import { diagnoseRule } from './diagnose-rule.js';
import { findShadows } from './find-shadows.js';
import { type ListName, parseRule, type Rule } from './parse-rule.js';
import type { CompileResult, Policy, PolicySource, RuleProblem } from './policy.js';
import { RuleIndex } from './rule-index.js';

export type { CompileResult, Policy, PolicySource, RuleProblem };

/**
 * Compiles rules.
 *
 * @param source the rules and the mode
 * @returns the policy with warnings, or every problem
 */
export function compilePolicy(source: PolicySource): CompileResult {
  const problems: RuleProblem[] = [];
  const allow = readList(source.allow, 'allow', problems);
  const deny = readList(source.deny, 'deny', problems);
  if (problems.length > 0) return { ok: false, problems };
  const mode = source.mode ?? 'enforce';
  const policy = {
    hash: createHash('sha256')
      .update(JSON.stringify([mode, source.allow, source.deny]))
      .digest('hex'),
    mode,
    counts: { allow: allow.length, deny: deny.length },
    allow: new RuleIndex(allow),
    deny: new RuleIndex(deny),
  };
  return { ok: true, policy, warnings: findShadows(policy, allow, deny) };
}

function readList(texts: readonly string[], list: ListName, problems: RuleProblem[]): Rule[] {
  const rules: Rule[] = [];
  for (const [index, text] of texts.entries()) {
    const rule = typeof text === 'string' ? parseRule(text, list) : undefined;
    if (rule) rules.push(rule);
    else problems.push({ list, index, ...diagnoseRule(text, list) });
  }
  return rules;
}
