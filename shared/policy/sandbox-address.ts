// The sandbox's own addresses: loopback, the unspecified ones, which connect(2) takes as loopback, and the two that its launcher set. Pure.
import { SANDBOX_ADDRESSES } from '../sandbox-addresses.js';
import type { Address } from './address.js';
import type { Policy } from './policy.js';
import { familyBits } from './prefix.js';

const OWN = new Set<string>(
  /* protects: G7 the unspecified address is loopback => ['::1', SANDBOX_ADDRESSES.v4, SANDBOX_ADDRESSES.v6] */ [
    '0.0.0.0',
    '::',
    '::1',
    SANDBOX_ADDRESSES.v4,
    SANDBOX_ADDRESSES.v6,
  ],
);

export function isSandboxAddress({ family, text, bytes }: Address): boolean {
  return (family === 4 && bytes[0] === 127) || OWN.has(text);
}

/** Of the sandbox's addresses, only a loopback one can also mean the host's, if a rule names it. */
export function isLoopbackAddress({ family, text, bytes }: Address): boolean {
  return family === 4 ? bytes[0] === 127 : text === '::1';
}

// Whether a program's own connect stays in its sandbox. The trap acts by it, and `explain` says it. Pure.

/** Loopback is the sandbox's own, unless an allow rule names that very address and port of the host. */
export function staysInside(policy: Policy | undefined, address: Address, port: number): boolean {
  if (!isSandboxAddress(address)) return false;
  if (!isLoopbackAddress(address) || policy === undefined) return true;
  const node = policy.allow.prefixes.find(address);
  return (
    /* protects: G7 loopback is the sandbox's own unless a rule names that address and port */ node?.prefix
      .length !== familyBits(address.family) || node.value.find(port) === undefined
  );
}
