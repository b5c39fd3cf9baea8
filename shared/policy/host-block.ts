// Whether an address is one of this host, or one where postern itself listens.
import type { Address } from './address.js';
import { familyBits, type Prefix, prefixOf } from './prefix.js';
import { PrefixTree } from './prefix-tree.js';
import { findBlock } from './special-blocks.js';

/** Facts about this host, which the broker reads and passes in. */
export interface HostContext {
  /** The addresses of this host. Loopback addresses may be among them; their class stays loopback. */
  readonly own: { has(address: Address): boolean };
  /** Where postern itself listens, as for metrics. 0.0.0.0 and :: stand for every address. */
  readonly listeners: readonly { readonly address: Address; readonly port: number }[];
}

/**
 * Whether a destination is one of postern's listeners, or an address of this host.
 *
 * A listener is a block of one address and one port, and an address of this host is a block of one address. 127.0.0.0/8 and ::1 are not
 * such blocks: a rule for loopback opens them.
 *
 * @param address the destination
 * @param port 1 to 65535
 * @param context this host's addresses and listeners
 * @returns `listener` before `own`, or undefined
 */
export function hostBlock(
  address: Address,
  port: number,
  context: HostContext,
): 'own' | 'listener' | undefined {
  const own = context.own.has(address);
  for (const listener of context.listeners) {
    if (listener.port === port && answers(listener.address, address, own)) return 'listener';
  }
  return own && !isLoopback(address) ? 'own' : undefined;
}

function answers(listening: Address, address: Address, own: boolean): boolean {
  if (listening.text === address.text) return true;
  // connect(2) to the unspecified address reaches loopback.
  if (isUnspecified(address)) return isUnspecified(listening) || isLoopback(listening);
  // :: takes IPv4 too, unless net.ipv6.bindv6only is set.
  const takesFamily = listening.family === 6 || address.family === 4;
  return isUnspecified(listening) && takesFamily && (own || isLoopback(address));
}

/** Whether an address is of 127.0.0.0/8, or ::1. */
export function isLoopback(address: Address): boolean {
  return address.family === 4 ? address.bytes[0] === 127 : findBlock(address)?.class === 'loopback';
}

function isUnspecified(address: Address): boolean {
  return address.text === '0.0.0.0' || address.text === '::';
}

// The addresses of this host: many single ones, since a host may have thousands, and a few blocks. Pure.

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
