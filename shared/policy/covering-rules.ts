// Finds the rule that covers another one. The index names the few candidates, so not every rule is compared with every other.
import { findBlockOfPrefix, findClassOfPrefix } from './find-block.js';
import { isLocalhost } from './is-localhost.js';
import { isEveryPort, type PortRange } from './parse-ports.js';
import type { Rule, Target } from './parse-rule.js';
import type { PortTable } from './port-table.js';
import { familyBits, type Prefix } from './prefix.js';
import type { RuleIndex } from './rule-index.js';

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
export function findDenyOver(target: Target, deny: RuleIndex, covers: Covers): Rule | undefined {
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
export function findAllowOver({ target, ports }: Rule, allow: RuleIndex, covers: Covers): Rule | undefined {
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
  const common = findClassOfPrefix(target.prefix);
  return common === undefined ? undefined : findIn(deny.classes.get(common), covers);
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
