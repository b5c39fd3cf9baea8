// Finds the prefixes around an address, innermost first, by binary search and a walk up. The time hardly grows with the rules.
import type { Address } from './address.js';
import { familyBits, holdsPrefix, type Prefix } from './prefix.js';

/** A prefix with its value. */
export interface Prefixed<V> {
  readonly prefix: Prefix;
  readonly value: V;
}

/** A prefix with its value, and the next larger prefix of the tree around it. */
export interface PrefixNode<T> {
  readonly prefix: Prefix;
  readonly value: T;
  readonly parent: PrefixNode<T> | undefined;
}

/**
 * The prefixes of a family, in order. A search reads flat arrays only: with many rules, cache misses take most of the time.
 */
interface Branch<T> {
  readonly nodes: readonly PrefixNode<T>[];
  /** The first addresses, as 32-bit words. */
  readonly starts: Uint32Array;
  readonly lengths: Uint8Array;
  /** The index of the parent of each node; -1 for none. */
  readonly parents: Int32Array;
  /** How many words an address has, 1 or 4. */
  readonly words: number;
}

/**
 * Prefixes of both families.
 *
 * Two prefixes are nested or apart. Sorted by first address, the larger first, they form a tree in pre-order. Each prefix around an
 * address is the last one that starts at or before it, or an ancestor of that one.
 */
export class PrefixTree<T, V = T> {
  readonly #four: Branch<T>;
  readonly #six: Branch<T>;

  /**
   * @param entries in any order
   * @param join makes one value of all values of a prefix
   */
  constructor(entries: readonly Prefixed<V>[], join: (values: V[]) => T) {
    this.#four = grow(entries, 4, join);
    this.#six = grow(entries, 6, join);
  }

  /** The innermost prefix around an address. Its ancestors are the others. */
  find({ family, bytes }: Address): PrefixNode<T> | undefined {
    return search(family === 4 ? this.#four : this.#six, bytes, bytes.length * 8);
  }

  /** The innermost prefix around another one, which may be that one itself. */
  findPrefix({ family, bytes, length }: Prefix): PrefixNode<T> | undefined {
    return search(family === 4 ? this.#four : this.#six, bytes, length);
  }
}

function grow<T, V>(entries: readonly Prefixed<V>[], family: 4 | 6, join: (values: V[]) => T): Branch<T> {
  const groups = group(entries.filter((entry) => entry.prefix.family === family));
  const words = familyBits(family) / 32;
  const starts = new Uint32Array(groups.length * words);
  const lengths = Uint8Array.from(groups, ({ prefix }) => prefix.length);
  const parents = new Int32Array(groups.length);
  const nodes: PrefixNode<T>[] = [];
  for (const [index, { prefix, values }] of groups.entries()) {
    for (let at = 0; at < words; at++) starts[index * words + at] = word(prefix.bytes, at);
    let parent = index - 1;
    for (let outer = groups[parent]; outer && !holdsPrefix(outer.prefix, prefix); outer = groups[parent]) {
      parent = parents[parent] ?? -1;
    }
    parents[index] = parent;
    nodes.push({ prefix, value: join(values), parent: nodes[parent] });
  }
  return { nodes, starts, lengths, parents, words };
}

/** A prefix with all of its values. */
interface Group<V> {
  readonly prefix: Prefix;
  readonly values: V[];
}

/** @param entries of one family; sorted here */
function group<V>(entries: Prefixed<V>[]): readonly Group<V>[] {
  entries.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  const groups: Group<V>[] = [];
  let last: Group<V> | undefined;
  for (const { prefix, value } of entries) {
    if (last && comparePrefixes(last.prefix, prefix) === 0) last.values.push(value);
    else {
      last = { prefix, values: [value] };
      groups.push(last);
    }
  }
  return groups;
}

/** The innermost node that is no longer than `length` and has the address's leading bits. */
function search<T>(branch: Branch<T>, bytes: Uint8Array, length: number): PrefixNode<T> | undefined {
  const { nodes, lengths, parents } = branch;
  if (nodes.length === 0) return undefined;
  const asked = [word(bytes, 0), word(bytes, 1), word(bytes, 2), word(bytes, 3)] as const;
  let index = lastNotAfter(branch, asked);
  for (;;) {
    const own = lengths[index];
    if (own === undefined) return undefined;
    if (own <= length && shares(branch, index, asked, own)) return nodes[index];
    index = parents[index] ?? -1;
  }
}

/** The words of an address; 0 for those that it does not have. */
type Words = readonly [number, number, number, number];

function lastNotAfter<T>({ nodes, starts, words }: Branch<T>, asked: Words): number {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = starts[middle * words] ?? 0;
    const after = start === asked[0] ? isAfter(starts, middle * words, words, asked) : start > asked[0];
    if (after) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

/** Whether a start with the same first word is after the address. */
function isAfter(starts: Uint32Array, from: number, words: number, asked: Words): boolean {
  for (let at = 1; at < words; at++) {
    const start = starts[from + at] ?? 0;
    const word = asked[at] ?? 0;
    if (start !== word) return start > word;
  }
  return false;
}

function shares<T>({ starts, words }: Branch<T>, index: number, asked: Words, length: number): boolean {
  for (let at = 0; at * 32 < length; at++) {
    const rest = Math.min(32, length - at * 32);
    const difference = ((starts[index * words + at] ?? 0) ^ (asked[at] ?? 0)) >>> (32 - rest);
    if (difference !== 0) return false;
  }
  return true;
}

/** The n-th 32 bits of an address, big endian. */
function word(bytes: Uint8Array, at: number): number {
  const from = at * 4;
  const low = ((bytes[from + 1] ?? 0) << 16) | ((bytes[from + 2] ?? 0) << 8) | (bytes[from + 3] ?? 0);
  return (bytes[from] ?? 0) * 0x1000000 + low;
}

/** By first address, then the larger first. */
function comparePrefixes(a: Prefix, b: Prefix): number {
  for (let at = 0; at * 4 < a.bytes.length; at++) {
    const difference = word(a.bytes, at) - word(b.bytes, at);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
