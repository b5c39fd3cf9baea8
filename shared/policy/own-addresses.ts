// The addresses of this host: many single ones, since a host may have thousands, and a few blocks. Pure.
import type { Address } from './address.js';
import { familyBits, type Prefix, prefixOf } from './prefix.js';
import { PrefixTree } from './prefix-tree.js';

/** A set of addresses, searched for each connection. */
export class OwnAddresses {
  readonly #tree: PrefixTree<true>;

  constructor(prefixes: Iterable<Prefix>) {
    const entries = Array.from(prefixes, (prefix) => ({ prefix, value: true as const }));
    this.#tree = new PrefixTree(entries, () => true);
  }

  /** Single addresses. */
  static of(...addresses: readonly Address[]): OwnAddresses {
    return new OwnAddresses(addresses.map((address) => prefixOf(address, familyBits(address.family))));
  }

  has(address: Address): boolean {
    return this.#tree.find(address) !== undefined;
  }
}
