// The sandbox's own addresses: loopback, the unspecified ones, which connect(2) takes as loopback, the two that its launcher set, and those of its
// gateway. Pure.
import { isGatewayAddress } from '../gateway.js';
import { SANDBOX_ADDRESSES } from '../sandbox-places.js';
import { type Address, addressFromBytes } from './address.js';
import { isLocalhost } from './parse-host.js';
import { isEveryPort } from './parse-ports.js';
import { parseRule, type Target } from './parse-rule.js';
import type { Policy } from './policy.js';
import { familyBits } from './prefix.js';
import { quote } from './quote.js';

const OWN = new Set<string>(
  /* protects: G7 the unspecified address is loopback => ['::1', SANDBOX_ADDRESSES.v4, SANDBOX_ADDRESSES.v6] */ [
    '0.0.0.0',
    '::',
    '::1',
    SANDBOX_ADDRESSES.v4,
    SANDBOX_ADDRESSES.v6,
  ],
);

export function isSandboxAddress(address: Address): boolean {
  const { family, text, bytes } = address;
  return (family === 4 && bytes[0] === 127) || OWN.has(text) || isGatewayAddress(address);
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

// Allow rules that look as if they opened the host's loopback to the program, and open it only to a request on the channel. Pure.

/**
 * @param allow rules. None counts where one of them names an address of loopback
 * @returns a message for each of them, with the rule that works, and its index
 */
export function loopbackProblems(
  allow: readonly string[],
): readonly { readonly index: number; readonly message: string }[] {
  const found: { index: number; message: string }[] = [];
  for (const [index, text] of allow.entries()) {
    const rule = parseRule(text, 'allow');
    const wide = rule && loopbackOf(rule.target);
    if (wide === 'one address') return [];
    if (rule === undefined || wide === undefined) continue;
    const port = isEveryPort(rule.ports) ? 'PORT' : rule.ports[0]?.low;
    const message = `The rule ${quote(text)} opens nothing to the program's own connect(2): loopback is the sandbox's own there. Name the address and port of the host, such as 127.0.0.1:${port}`;
    found.push({ index, message });
  }
  return found;
}

function loopbackOf(target: Target): 'one address' | 'all' | undefined {
  switch (target.kind) {
    case 'name':
      return isLocalhost(target.name) ? 'all' : undefined;
    case 'class':
      return target.class === 'loopback' ? 'all' : undefined;
    case 'prefix': {
      const { family, bytes, length } = target.prefix;
      const address = addressFromBytes(bytes);
      if (length === familyBits(family)) return isLoopbackAddress(address) ? 'one address' : undefined;
      return family === 4 && length >= 8 && isLoopbackAddress(address) ? 'all' : undefined;
    }
    default:
      return undefined;
  }
}
