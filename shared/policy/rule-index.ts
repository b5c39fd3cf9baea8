// One list of rules, indexed: names and paths in hash maps, addresses in a prefix tree, classes by name.
import type { AddressClass } from '../words.js';
import type { Address } from './address.js';
import type { Rule } from './parse-rule.js';
import { PortTable } from './port-table.js';
import { type Prefixed, type PrefixNode, PrefixTree } from './prefix-tree.js';

/** The rule that covers a target on a port, or whether a rule covers it on another port. */
export interface Match {
  readonly rule: Rule | undefined;
  readonly otherPort: boolean;
}

const NO_MATCH: Match = { rule: undefined, otherPort: false };
const OTHER_PORT: Match = { rule: undefined, otherPort: true };

/** The rules of a list, indexed. If several match, the most specific target counts. */
export class RuleIndex {
  readonly names: ReadonlyMap<string, PortTable>;
  /** `**.x`, by x: for x itself. */
  readonly apexes: ReadonlyMap<string, PortTable>;
  /** `*.x` and `**.x`, by x: for the names below it. */
  readonly below: ReadonlyMap<string, PortTable>;
  /** The numbers of labels of the names in `below`. Suffixes of other lengths are not looked up. */
  readonly #wildcardLabels: ReadonlySet<number>;
  readonly any: PortTable;
  readonly prefixes: PrefixTree<PortTable>;
  readonly classes: ReadonlyMap<AddressClass, PortTable>;
  /** `unix:` rules by their paths. */
  readonly sockets: ReadonlyMap<string, Rule>;

  constructor(rules: readonly Rule[]) {
    const names = new Map<string, PortTable>();
    const apexes = new Map<string, PortTable>();
    const below = new Map<string, PortTable>();
    const any = new PortTable([]);
    const prefixes: Prefixed<Rule>[] = [];
    const classes = new Map<AddressClass, PortTable>();
    const sockets = new Map<string, Rule>();
    for (const rule of rules) {
      const { target } = rule;
      if (target.kind === 'name') add(names, target.name, rule);
      else if (target.kind === 'any') any.add(rule);
      else if (target.kind === 'class') add(classes, target.class, rule);
      else if (target.kind === 'socket') sockets.set(target.path, sockets.get(target.path) ?? rule);
      else if (target.kind === 'below') {
        add(below, target.name, rule);
        if (target.apex) add(apexes, target.name, rule);
      } else prefixes.push({ prefix: target.prefix, value: rule });
    }
    this.names = sealed(names);
    this.apexes = sealed(apexes);
    this.below = sealed(below);
    this.any = any.seal();
    this.classes = sealed(classes);
    this.sockets = sockets;
    this.prefixes = new PrefixTree(prefixes, (held) => new PortTable(held).seal());
    const labels = new Set<number>();
    for (const name of below.keys()) labels.add(countLabels(name));
    this.#wildcardLabels = labels;
  }

  /** The rule for exactly this name, without wildcards. */
  matchExactName(name: string, port: number): Match {
    return matchTable(this.names.get(name), port);
  }

  /** The rule for a name: the name's rule, then `**.` of the name, then wildcards from the longest on. `*` does not count. */
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

  /** Applies `find` to the wildcards over a name, from the longest on. */
  findAbove<T>(name: string, find: (table: PortTable) => T | undefined): T | undefined {
    if (this.#wildcardLabels.size === 0) return undefined;
    let labels = countLabels(name);
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      labels -= 1;
      const table = this.#wildcardLabels.has(labels) ? this.below.get(name.slice(dot + 1)) : undefined;
      const found = table && find(table);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The `*` rule for a port. */
  matchAny(port: number): Match {
    return this.any.rules.length === 0 ? NO_MATCH : matchTable(this.any, port);
  }

  /** The rule for a class of addresses. Some classes cannot be named in a rule. */
  matchClass(name: AddressClass, port: number): Match {
    return matchTable(this.classes.get(name), port);
  }

  /**
   * The rule for an address: the innermost prefix around it counts first.
   *
   * @param address any address
   * @param port 1 to 65535
   * @param shortest the least number of bits of a prefix; 0 for all prefixes
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

function add<K>(tables: Map<K, PortTable>, key: K, rule: Rule): void {
  const known = tables.get(key);
  if (known) known.add(rule);
  else tables.set(key, new PortTable([rule]));
}

function sealed<K>(tables: ReadonlyMap<K, PortTable>): ReadonlyMap<K, PortTable> {
  for (const table of tables.values()) table.seal();
  return tables;
}
