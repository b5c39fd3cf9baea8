// The addresses that a sandbox has itself: loopback, the unspecified ones, which mean loopback to connect(2), and the two that
// its launcher gave it. Pure.
import type { Address } from '../../shared/policy/address.js';
import { SANDBOX_ADDRESSES } from '../../shared/sandbox-addresses.js';

const OWN = new Set<string>(['0.0.0.0', '::', '::1', SANDBOX_ADDRESSES.v4, SANDBOX_ADDRESSES.v6]);

export function isSandboxAddress({ family, text, bytes }: Address): boolean {
  return (family === 4 && bytes[0] === 127) || OWN.has(text);
}

/** A loopback address can be the host's too, where a rule names it; the others never. */
export function isLoopbackAddress({ family, text, bytes }: Address): boolean {
  return family === 4 ? bytes[0] === 127 : text === '::1';
}
