// Whether a program's own connect stays in its sandbox. The trap acts by it, and `explain` says it. Pure.
import type { Address } from './address.js';
import type { Policy } from './policy.js';
import { familyBits } from './prefix.js';
import { isLoopbackAddress, isSandboxAddress } from './sandbox-address.js';

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
