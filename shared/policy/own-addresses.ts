// The addresses of this host: many single ones, since a host may have thousands, and a few blocks. Pure.
import type { Address } from './address.js';
import { familyBits, type Prefix, prefixOf, sameBits } from './prefix.js';

/** A set of addresses, searched for each connection. */
export class OwnAddresses {
  readonly #single = new Set<string>();
  readonly #blocks: Prefix[] = [];

  constructor(prefixes: Iterable<Prefix>) {
    for (const prefix of prefixes) {
      if (prefix.length === familyBits(prefix.family)) this.#single.add(keyOf(prefix.bytes));
      else this.#blocks.push(prefix);
    }
  }

  /** Single addresses. */
  static of(...addresses: readonly Address[]): OwnAddresses {
    return new OwnAddresses(addresses.map((address) => prefixOf(address, familyBits(address.family))));
  }

  has({ family, bytes }: Address): boolean {
    if (this.#single.has(keyOf(bytes))) return true;
    return this.#blocks.some(
      (block) => block.family === family && sameBits(block.bytes, bytes, block.length),
    );
  }
}

/** One character for each byte. */
function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
