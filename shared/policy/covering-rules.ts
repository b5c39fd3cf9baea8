// The few rules that could cover another one, from the index: rules are never compared each with each.
import { findBlockOfPrefix, findClassOfPrefix } from './find-block.js';
import { isLocalhost } from './is-localhost.js';
import type { Rule, Target } from './parse-rule.js';
import type { PortTable } from './port-table.js';
import { familyBits, type Prefix } from './prefix.js';
import type { RuleIndex } from './rule-index.js';

/** How many rules of one target are given; past them a shadow may go unnoticed. */
const MAX_COMPARED_RULES = 64;

/**
 * The deny rules whose target holds a target wholly.
 *
 * @param target what an allow or a deny rule is about
 * @param deny the deny list
 */
export function denyRulesOver(target: Target, deny: RuleIndex): readonly Rule[] {
  return [...rulesOver(target, deny, 0), ...classRulesOver(target, deny), ...bounded(deny.any.rules)];
}

/**
 * The allow rules that open all that an allow rule opens.
 *
 * A wider prefix opens less where it is not inside the special block. An address alone opens this host's own, which no
 * wider rule does, and alone with one port a listener of postern's, which the same address with more ports does not.
 *
 * @param rule the allow rule
 * @param allow the allow list
 */
export function allowRulesOver({ target, ports }: Rule, allow: RuleIndex): readonly Rule[] {
  if (target.kind === 'name' && isLocalhost(target.name)) return bounded(allow.names.get(target.name)?.rules);
  if (target.kind !== 'prefix') {
    const over = rulesOver(target, allow, 0);
    return hasSeveralLabels(target) ? [...over, ...bounded(allow.any.rules)] : over;
  }
  if (target.prefix.length < familyBits(target.prefix.family)) {
    return rulesOver(target, allow, findBlockOfPrefix(target.prefix)?.length ?? 0);
  }
  const alike = rulesOver(target, allow, target.prefix.length);
  const [first, second] = ports;
  if (first?.low !== first?.high || second) return alike;
  return alike.filter(({ ports: [low, more] }) => low?.low === low?.high && !more);
}

function rulesOver(target: Target, index: RuleIndex, shortest: number): readonly Rule[] {
  switch (target.kind) {
    case 'any':
      return bounded(index.any.rules);
    case 'class':
      return bounded(index.classes.get(target.class)?.rules);
    case 'prefix':
      return prefixRulesOver(target.prefix, index, shortest);
    case 'name':
      return joined(
        index.names.get(target.name),
        index.apexes.get(target.name),
        ...index.wildcardsOver(target.name),
      );
    case 'below':
      return joined(
        (target.apex ? index.apexes : index.below).get(target.name),
        ...index.wildcardsOver(target.name),
      );
  }
}

function classRulesOver(target: Target, deny: RuleIndex): readonly Rule[] {
  if (target.kind !== 'prefix' || deny.classes.size === 0) return [];
  const common = findClassOfPrefix(target.prefix);
  return common === undefined ? [] : bounded(deny.classes.get(common)?.rules);
}

function prefixRulesOver(prefix: Prefix, index: RuleIndex, shortest: number): readonly Rule[] {
  const rules: Rule[] = [];
  let node = index.prefixes.findPrefix(prefix);
  for (; node && node.prefix.length >= shortest; node = node.parent) rules.push(...bounded(node.value.rules));
  return rules;
}

function joined(...tables: readonly (PortTable | undefined)[]): readonly Rule[] {
  const rules: Rule[] = [];
  for (const table of tables) if (table !== undefined) rules.push(...bounded(table.rules));
  return rules;
}

function hasSeveralLabels(target: Target): boolean {
  if (target.kind === 'below') return !target.apex || target.name.includes('.');
  return target.kind === 'any' || (target.kind === 'name' && target.name.includes('.'));
}

function bounded(rules: readonly Rule[] = []): readonly Rule[] {
  return rules.length > MAX_COMPARED_RULES ? rules.slice(0, MAX_COMPARED_RULES) : rules;
}
