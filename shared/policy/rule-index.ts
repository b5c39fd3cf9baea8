// One list of rules, ready to be asked: names by hash map, addresses by prefix tree, classes by name.
import type { AddressClass } from '../reasons.js';
import type { Address } from './address.js';
import type { Rule } from './parse-rule.js';
import { PortTable } from './port-table.js';
import type { Prefix } from './prefix.js';
import { type PrefixNode, PrefixTree } from './prefix-tree.js';

/** What a list says of a target: the rule that covers it on a port, or whether one does on another port. */
export interface Match {
  readonly rule: Rule | undefined;
  readonly otherPort: boolean;
}

const NO_MATCH: Match = { rule: undefined, otherPort: false };
const OTHER_PORT: Match = { rule: undefined, otherPort: true };

/** The rules of a list, indexed. Where several match, the most specific target answers. */
export class RuleIndex {
  readonly names: ReadonlyMap<string, PortTable>;
  /** `**.x` by x: for x itself. */
  readonly apexes: ReadonlyMap<string, PortTable>;
  /** `*.x` and `**.x` by x: for what is below it. */
  readonly below: ReadonlyMap<string, PortTable>;
  /** How many labels the names in `below` have: no suffix of another length is looked up. */
  readonly #wildcardLabels: ReadonlySet<number>;
  readonly any: PortTable;
  readonly prefixes: PrefixTree<PortTable>;
  readonly classes: ReadonlyMap<AddressClass, PortTable>;

  constructor(rules: readonly Rule[]) {
    const names = new Map<string, Rule[]>();
    const apexes = new Map<string, Rule[]>();
    const below = new Map<string, Rule[]>();
    const any: Rule[] = [];
    const prefixes = new Map<string, { prefix: Prefix; rules: Rule[] }>();
    const classes = new Map<AddressClass, Rule[]>();
    for (const rule of rules) {
      const { target } = rule;
      if (target.kind === 'name') append(names, target.name, rule);
      else if (target.kind === 'any') any.push(rule);
      else if (target.kind === 'class') append(classes, target.class, rule);
      else if (target.kind === 'below') {
        append(below, target.name, rule);
        if (target.apex) append(apexes, target.name, rule);
      } else {
        const key = String.fromCharCode(target.prefix.length, ...target.prefix.bytes);
        const known = prefixes.get(key);
        if (known) known.rules.push(rule);
        else prefixes.set(key, { prefix: target.prefix, rules: [rule] });
      }
    }
    this.names = tables(names);
    this.apexes = tables(apexes);
    this.below = tables(below);
    this.#wildcardLabels = new Set([...below.keys()].map(countLabels));
    this.any = new PortTable(any);
    this.classes = tables(classes);
    this.prefixes = new PrefixTree(
      [...prefixes.values()].map(({ prefix, rules: held }) => ({ prefix, value: new PortTable(held) })),
    );
  }

  /** The rule for a name alone: no wildcard. */
  matchExactName(name: string, port: number): Match {
    return matchTable(this.names.get(name), port);
  }

  /** The rule for a name: its own, `**.` itself, then wildcards from the longest on. `*` is not among them. */
  matchName(name: string, port: number): Match {
    const { names, apexes, below } = this;
    let labels = countLabels(name);
    let table = names.get(name);
    let rule = table?.find(port);
    let otherPort = table !== undefined;
    if (!rule && this.#wildcardLabels.has(labels)) {
      table = apexes.get(name);
      rule = table?.find(port);
      otherPort ||= table !== undefined;
    }
    for (let dot = name.indexOf('.'); !rule && dot !== -1; dot = name.indexOf('.', dot + 1)) {
      labels -= 1;
      if (!this.#wildcardLabels.has(labels)) continue;
      table = below.get(name.slice(dot + 1));
      rule = table?.find(port);
      otherPort ||= table !== undefined;
    }
    return rule ? { rule, otherPort } : otherPort ? OTHER_PORT : NO_MATCH;
  }

  /** The wildcards that a name is below, from the longest on. */
  wildcardsOver(name: string): readonly PortTable[] {
    const found: PortTable[] = [];
    let labels = countLabels(name);
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      labels -= 1;
      const table = this.#wildcardLabels.has(labels) ? this.below.get(name.slice(dot + 1)) : undefined;
      if (table !== undefined) found.push(table);
    }
    return found;
  }

  /** The `*` rule for a port. */
  matchAny(port: number): Match {
    return this.any.rules.length === 0 ? NO_MATCH : matchTable(this.any, port);
  }

  /** The rule for a class of addresses; there is none for those that a rule cannot name. */
  matchClass(name: AddressClass, port: number): Match {
    return matchTable(this.classes.get(name), port);
  }

  /**
   * The rule for an address, from the innermost prefix that holds it out to those of a least length.
   *
   * @param address any address
   * @param port 1 to 65535
   * @param shortest how many bits a prefix must have, 0 for all of them
   */
  matchAddress(address: Address, port: number, shortest = 0): Match {
    let node: PrefixNode<PortTable> | undefined = this.prefixes.find(address);
    let otherPort = false;
    for (; node && node.prefix.length >= shortest; node = node.parent) {
      const rule = node.value.find(port);
      if (rule) return { rule, otherPort };
      otherPort = true;
    }
    return otherPort ? OTHER_PORT : NO_MATCH;
  }
}

function countLabels(name: string): number {
  let labels = 1;
  for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) labels += 1;
  return labels;
}

function matchTable(table: PortTable | undefined, port: number): Match {
  if (!table) return NO_MATCH;
  const rule = table.find(port);
  return rule ? { rule, otherPort: false } : OTHER_PORT;
}

function append<K>(map: Map<K, Rule[]>, key: K, rule: Rule): void {
  const known = map.get(key);
  if (known) known.push(rule);
  else map.set(key, [rule]);
}

function tables<K>(map: ReadonlyMap<K, Rule[]>): ReadonlyMap<K, PortTable> {
  return new Map([...map].map(([key, rules]) => [key, new PortTable(rules)]));
}
