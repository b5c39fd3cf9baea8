// Compiles the rules of a configuration into a policy, and finds rules that have no effect or open too much. Pure.

import { createHash } from 'node:crypto';
import { diagnoseRule } from './diagnose-rule.js';
import { isLocalhost } from './parse-host.js';
import { isEveryPort, type PortRange } from './parse-ports.js';
import { type ListName, parseRule, type Rule, type Target } from './parse-rule.js';
import type { CompileResult, Policy, PolicySource, RuleProblem } from './policy.js';
import type { PortTable } from './port-table.js';
import { familyBits, type Prefix } from './prefix.js';
import { isSharedDomain } from './public-suffix.js';
import { quote } from './quote.js';
import { RuleIndex } from './rule-index.js';
import { classesAroundPrefix, findBlockOfPrefix } from './special-blocks.js';

// Compiles rules into an index. One invalid rule refuses them all. The caller decides which rules are then in force.

export type { CompileResult, Policy, PolicySource };

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

// Finds rules that change nothing, and rules that change more than they seem to.

/**
 * Finds surprises in valid rules: `*`, a rule that another rule of its list covers, an allow rule that a deny rule covers, an allow
 * wildcard over localhost or over a domain where anyone can register a name, and a socket that gives away the host.
 *
 * @param policy the same rules, indexed
 * @param allow the allow rules, in their order
 * @param deny the deny rules, in their order
 * @returns at most one warning for each rule
 */
function findShadows(policy: Policy, allow: readonly Rule[], deny: readonly Rule[]): RuleProblem[] {
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

// Finds the rule that covers another one. The index names the few candidates, so not every rule is compared with every other.

/** How many rules of one target are checked. Beyond them a shadow may go unnoticed. */
const MAX_COMPARED_RULES = 64;

/** Whether a rule that covers the target also covers the ports. */
type Covers = (rule: Rule) => boolean;

/**
 * Finds a deny rule that covers a target.
 *
 * @param target of an allow or deny rule
 * @param deny the deny list
 */
function findDenyOver(target: Target, deny: RuleIndex, covers: Covers): Rule | undefined {
  if (target.kind === 'socket') {
    const same = deny.sockets.get(target.path);
    return same !== undefined && covers(same)
      ? same
      : findIn(deny.any, (rule) => isEveryPort(rule.ports) && covers(rule));
  }
  return findOver(target, deny, 0, covers) ?? findOfClass(target, deny, covers) ?? findIn(deny.any, covers);
}

/**
 * Finds an allow rule that opens all that another allow rule opens. The ports may differ.
 *
 * A wider prefix opens less if it is not inside the special block. Only a rule for one address opens an address of this host. Only
 * a rule for one address and one port opens a listener of postern.
 *
 * @param rule the allow rule
 * @param allow the allow list
 */
function findAllowOver({ target, ports }: Rule, allow: RuleIndex, covers: Covers): Rule | undefined {
  if (target.kind === 'name' && isLocalhost(target.name)) return findIn(allow.names.get(target.name), covers);
  if (target.kind !== 'prefix') {
    const found = findOver(target, allow, 0, covers);
    return found === undefined && hasSeveralLabels(target) ? findIn(allow.any, covers) : found;
  }
  const { prefix } = target;
  if (prefix.length < familyBits(prefix.family)) {
    return findOver(target, allow, findBlockOfPrefix(prefix)?.length ?? 0, covers);
  }
  if (!isOnePort(ports)) return findOver(target, allow, prefix.length, covers);
  return findOver(target, allow, prefix.length, (other) => isOnePort(other.ports) && covers(other));
}

function findOver(target: Target, index: RuleIndex, shortest: number, covers: Covers): Rule | undefined {
  const find = (table: PortTable | undefined): Rule | undefined => findIn(table, covers);
  switch (target.kind) {
    case 'socket': {
      const same = index.sockets.get(target.path);
      return same !== undefined && covers(same) ? same : undefined;
    }
    case 'any':
      return find(index.any);
    case 'class':
      return find(index.classes.get(target.class));
    case 'prefix':
      return findOverPrefix(target.prefix, index, shortest, covers);
    case 'name':
      return (
        find(index.names.get(target.name)) ??
        find(index.apexes.get(target.name)) ??
        index.findAbove(target.name, find)
      );
    case 'below':
      return (
        find((target.apex ? index.apexes : index.below).get(target.name)) ??
        index.findAbove(target.name, find)
      );
  }
}

function findOverPrefix(
  prefix: Prefix,
  index: RuleIndex,
  shortest: number,
  covers: Covers,
): Rule | undefined {
  for (let node = index.prefixes.findPrefix(prefix); node; node = node.parent) {
    if (node.prefix.length < shortest) return undefined;
    const found = findIn(node.value, covers);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findOfClass(target: Target, deny: RuleIndex, covers: Covers): Rule | undefined {
  if (target.kind !== 'prefix' || deny.classes.size === 0) return undefined;
  for (const name of classesAroundPrefix(target.prefix)) {
    const found = findIn(deny.classes.get(name), covers);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findIn(table: PortTable | undefined, covers: Covers): Rule | undefined {
  if (table === undefined) return undefined;
  let left = MAX_COMPARED_RULES;
  for (const rule of table.rules) {
    if (covers(rule)) return rule;
    left -= 1;
    if (left === 0) return undefined;
  }
  return undefined;
}

function isOnePort([first, second]: readonly PortRange[]): boolean {
  return first?.low === first?.high && second === undefined;
}

function hasSeveralLabels(target: Target): boolean {
  if (target.kind === 'below') return !target.apex || target.name.includes('.');
  return target.kind === 'any' || (target.kind === 'name' && target.name.includes('.'));
}

// Names well-known sockets that give away more than one service: their servers run commands on the host. Pure.

const POWERFUL: readonly (readonly [path: RegExp, server: string])[] = [
  [/\/docker\.sock$/, 'Docker'],
  [/\/podman\.sock$/, 'Podman'],
  [/\/(?:containerd|buildkitd|crio)\.sock$/, 'a container runtime'],
  [/\/(?:lxd|incus)\/unix\.socket$/, 'a container manager'],
  [/\/(?:libvirt|virtqemud)-sock$/, 'libvirt'],
  [/\/snapd\.socket$/, 'snapd'],
  [/\/systemd\//, 'systemd'],
  [/\/(?:system_bus_socket|bus|dbus-[^/]*)$/, 'D-Bus'],
];

/** @returns the server that may run a command on the host for its clients, or undefined */
function powerfulServer(path: string): string | undefined {
  return POWERFUL.find(([pattern]) => pattern.test(path))?.[1];
}
