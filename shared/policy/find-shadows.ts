// Rules that change nothing, and rules that change more than they look.
import { allowRulesOver, denyRulesOver } from './covering-rules.js';
import { isLocalhost } from './is-localhost.js';
import type { ListName, Rule, Target } from './parse-rule.js';
import type { Policy, RuleProblem } from './policy.js';
import { quote } from './quote.js';

/**
 * Finds what is surprising in valid rules: `*`, a rule that another of its list covers, an allow rule that a deny rule
 * covers, an allow wildcard over localhost.
 *
 * @param policy the same rules, indexed
 * @param allow the allow rules, in their order
 * @param deny the deny rules, in their order
 * @returns one warning a rule at most
 */
export function findShadows(policy: Policy, allow: readonly Rule[], deny: readonly Rule[]): RuleProblem[] {
  const order = new Map<Rule, number>();
  for (const list of [allow, deny]) for (const [index, rule] of list.entries()) order.set(rule, index);
  const warn = (list: ListName, rule: Rule, index: number): RuleProblem[] => {
    const wide = describeWidth(list, rule);
    if (wide !== undefined) return [{ list, index, text: rule.text, message: wide }];
    const shadow = findShadow(list, rule, policy, order);
    return shadow === undefined ? [] : [{ list, index, text: rule.text, ...shadow }];
  };
  return [
    ...allow.flatMap((rule, index) => warn('allow', rule, index)),
    ...deny.flatMap((rule, index) => warn('deny', rule, index)),
  ];
}

function describeWidth(list: ListName, { target, text }: Rule): string | undefined {
  if (target.kind === 'any') {
    return list === 'allow'
      ? `The rule ${quote(text)} allows every name of two labels or more`
      : `The rule ${quote(text)} denies everything on its ports, addresses included`;
  }
  if (list === 'allow' && target.kind === 'below' && isLocalhost(target.name)) {
    return `The rule ${quote(text)} never matches: localhost and names below it need a rule without a wildcard`;
  }
  return undefined;
}

function findShadow(
  list: ListName,
  rule: Rule,
  { allow, deny }: Policy,
  order: ReadonlyMap<Rule, number>,
): Pick<RuleProblem, 'message' | 'coveredBy'> | undefined {
  const describe = (kind: ListName, other: Rule | undefined, words: string): ReturnType<typeof findShadow> =>
    other && {
      message: `The rule ${quote(rule.text)} ${words} ${quote(other.text)} covers it`,
      coveredBy: { list: kind, index: order.get(other) ?? 0 },
    };
  const denyRules = denyRulesOver(rule.target, deny);
  const denial = list === 'allow' ? denyRules.find((other) => coversPorts(other, rule)) : undefined;
  if (denial) return describe('deny', denial, 'never matches: deny rule');
  const others = list === 'allow' ? allowRulesOver(rule, allow) : denyRules;
  const shadow = others.find((other) => other !== rule && shadows(other, rule, order));
  return describe(list, shadow, 'changes nothing: rule');
}

/** Of two rules that mean the same, the earlier one stands. */
function shadows(other: Rule, rule: Rule, order: ReadonlyMap<Rule, number>): boolean {
  if (!coversPorts(other, rule)) return false;
  const same = sameTarget(other.target, rule.target) && coversPorts(rule, other);
  return !same || (order.get(other) ?? 0) < (order.get(rule) ?? 0);
}

function coversPorts(wide: Rule, narrow: Rule): boolean {
  return narrow.ports.every(({ low, high }) =>
    wide.ports.some((range) => range.low <= low && high <= range.high),
  );
}

/** Said of a target that holds the other wholly: it holds no more. */
function sameTarget(wide: Target, narrow: Target): boolean {
  if (wide.kind === 'below' && narrow.kind === 'below')
    return wide.name === narrow.name && wide.apex === narrow.apex;
  if (wide.kind === 'prefix' && narrow.kind === 'prefix') return wide.prefix.length === narrow.prefix.length;
  return wide.kind === narrow.kind;
}
