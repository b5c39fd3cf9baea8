// Finds rules that change nothing, and rules that change more than they seem to.
import { findAllowOver, findDenyOver } from './covering-rules.js';
import { isLocalhost } from './is-localhost.js';
import type { ListName, Rule, Target } from './parse-rule.js';
import type { Policy, RuleProblem } from './policy.js';
import { powerfulServer } from './powerful-socket.js';
import { isSharedDomain } from './public-suffix.js';
import { quote } from './quote.js';

/**
 * Finds surprises in valid rules: `*`, a rule that another rule of its list covers, an allow rule that a deny rule covers, an allow
 * wildcard over localhost or over a domain where anyone can register a name, and a socket that gives away the host.
 *
 * @param policy the same rules, indexed
 * @param allow the allow rules, in their order
 * @param deny the deny rules, in their order
 * @returns at most one warning for each rule
 */
export function findShadows(policy: Policy, allow: readonly Rule[], deny: readonly Rule[]): RuleProblem[] {
  const warnings: RuleProblem[] = [];
  const orders = { allow: new Order(allow), deny: new Order(deny) };
  for (const [list, rules] of [
    ['allow', allow],
    ['deny', deny],
  ] as const) {
    for (const [index, rule] of rules.entries()) {
      const wide = describeWidth(list, rule);
      const found = wide === undefined ? findShadow(list, rule, policy, orders) : { message: wide };
      if (found !== undefined) warnings.push({ list, index, text: rule.text, ...found });
    }
  }
  return warnings;
}

/** The position of each rule in its list. It is made late, since few positions are needed, and often none. */
class Order {
  readonly #rules: readonly Rule[];
  #places: ReadonlyMap<Rule, number> | undefined;

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  of(rule: Rule): number {
    this.#places ??= new Map(this.#rules.map((one, place) => [one, place]));
    return this.#places.get(rule) ?? 0;
  }
}

type Orders = Readonly<Record<ListName, Order>>;

function describeWidth(list: ListName, { target, text }: Rule): string | undefined {
  if (target.kind === 'any') {
    return list === 'allow'
      ? `The rule ${quote(text)} allows every name of two labels or more`
      : `The rule ${quote(text)} denies everything on its ports, addresses included`;
  }
  if (list === 'allow' && target.kind === 'below' && isLocalhost(target.name)) {
    return `The rule ${quote(text)} never matches: localhost and names below it need a rule without a wildcard`;
  }
  if (list === 'allow' && target.kind === 'below' && isSharedDomain(target.name)) {
    return `The rule ${quote(text)} allows names that anyone can register: name the hosts that are meant`;
  }
  const server = list === 'allow' && target.kind === 'socket' ? powerfulServer(target.path) : undefined;
  if (server !== undefined)
    return `The rule ${quote(text)} gives the plugin this host: ${server} runs commands outside the sandbox for its clients`;
  return undefined;
}

function findShadow(
  list: ListName,
  rule: Rule,
  { allow, deny }: Policy,
  orders: Orders,
): Pick<RuleProblem, 'message' | 'coveredBy'> | undefined {
  const describe = (kind: ListName, other: Rule | undefined, words: string): ReturnType<typeof findShadow> =>
    other && {
      message: `The rule ${quote(rule.text)} ${words} ${quote(other.text)} covers it`,
      coveredBy: { list: kind, index: orders[kind].of(other) },
    };
  const isShadow = (other: Rule): boolean => other !== rule && shadows(other, rule, orders[list]);
  if (list === 'deny')
    return describe(list, findDenyOver(rule.target, deny, isShadow), 'changes nothing: rule');
  const denial = findDenyOver(rule.target, deny, (other) => coversPorts(other, rule));
  if (denial) return describe('deny', denial, 'never matches: deny rule');
  return describe(list, findAllowOver(rule, allow, isShadow), 'changes nothing: rule');
}

/** Of two rules with the same meaning, the later one gets the warning. */
function shadows(other: Rule, rule: Rule, order: Order): boolean {
  if (!coversPorts(other, rule)) return false;
  const same = sameTarget(other.target, rule.target) && coversPorts(rule, other);
  return !same || order.of(other) < order.of(rule);
}

function coversPorts(wide: Rule, narrow: Rule): boolean {
  if (wide.ports === narrow.ports) return true;
  return narrow.ports.every(({ low, high }) =>
    wide.ports.some((range) => range.low <= low && high <= range.high),
  );
}

/** For a target that covers another one: whether both are the same. */
function sameTarget(wide: Target, narrow: Target): boolean {
  if (wide.kind === 'below' && narrow.kind === 'below')
    return wide.name === narrow.name && wide.apex === narrow.apex;
  if (wide.kind === 'prefix' && narrow.kind === 'prefix') return wide.prefix.length === narrow.prefix.length;
  return wide.kind === narrow.kind;
}
