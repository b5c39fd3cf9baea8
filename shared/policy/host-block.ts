// What an address is on this host: its own, or one that postern itself listens on.
import type { Address } from './address.js';
import { findBlock } from './find-block.js';

/** What only this host's side knows, read by the broker and handed in. */
export interface HostContext {
  /** This host's own addresses. Loopback ones may be among them; they stay loopback. */
  readonly own: { has(address: Address): boolean };
  /** Where postern itself listens, the metrics port for one; 0.0.0.0 and :: stand for every address. */
  readonly listeners: readonly { readonly address: Address; readonly port: number }[];
}

/**
 * Whether a destination is one of postern's listeners, or an address of this host.
 *
 * A listener is a block of one address and one port, an own address a block of its own. 127.0.0.0/8 and ::1 are this
 * host's as they are: a rule for loopback means them.
 *
 * @param address where to
 * @param port 1 to 65535
 * @param context this host's addresses and listeners
 * @returns the narrower of the two that holds, or undefined
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
  // connect(2) to the unspecified address is one to loopback.
  if (isUnspecified(address)) return isUnspecified(listening) || isLoopback(listening);
  // :: takes IPv4 too, where net.ipv6.bindv6only has not been set.
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
