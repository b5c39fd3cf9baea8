// The sandbox's own addresses: loopback, the unspecified ones, which connect(2) takes as loopback, and the two that its launcher set. Pure.
import { SANDBOX_ADDRESSES } from '../sandbox-addresses.js';
import type { Address } from './address.js';

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
