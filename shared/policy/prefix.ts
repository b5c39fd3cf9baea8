// Address prefixes (CIDR, RFC 4632 and RFC 4291 section 2.3).
import { type Address, addressFromBytes, parseAddress } from './address.js';

/** The addresses whose first `length` bits are those of `bytes`. The other bits of `bytes` are 0. */
export interface Prefix {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly length: number;
}

/** Whether the first `length` bits of two addresses of one family are the same. */
export function sameBits(a: Uint8Array, b: Uint8Array, length: number): boolean {
  const whole = length >> 3;
  for (let at = 0; at < whole; at++) if (a[at] !== b[at]) return false;
  const rest = length & 7;
  return rest === 0 || (((a[whole] ?? 0) ^ (b[whole] ?? 0)) & (0xff00 >> rest) & 0xff) === 0;
}

/** Whether every address of `inner` is one of `outer`. */
export function holdsPrefix(outer: Prefix, inner: Prefix): boolean {
  return (
    outer.family === inner.family &&
    outer.length <= inner.length &&
    sameBits(outer.bytes, inner.bytes, outer.length)
  );
}

/** The prefix of an address's first `length` bits. */
export function prefixOf(address: Address, length: number): Prefix {
  const bytes = Uint8Array.from(address.bytes);
  for (let at = 0; at < bytes.length; at++) {
    const kept = Math.min(8, Math.max(0, length - at * 8));
    bytes[at] = (bytes[at] ?? 0) & (0xff00 >> kept) & 0xff;
  }
  return { family: address.family, bytes, length };
}

/**
 * A prefix as a rule writes it.
 *
 * @param bytes of the address before the slash; kept, not copied
 * @param length 0 to all of its bits
 * @returns the prefix, or undefined if a bit after the length is set
 */
export function exactPrefix(bytes: Uint8Array, length: number): Prefix | undefined {
  const family = bytes.length === 4 ? 4 : 6;
  for (let at = length >> 3; at < bytes.length; at++) {
    const kept = Math.max(0, length - at * 8);
    if (((bytes[at] ?? 0) & (0xff >> kept)) !== 0) return undefined;
  }
  return { family, bytes, length };
}

/** The number of bits of an address of a family. */
export function familyBits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

/** Writes a prefix as in a rule, without a port: `10.0.0.0/8`, `[fd00::/8]`. A single address has no length. */
export function formatPrefix(prefix: Prefix): string {
  const address = addressFromBytes(prefix.bytes);
  const text =
    prefix.length === familyBits(prefix.family) ? address.text : `${address.text}/${prefix.length}`;
  return prefix.family === 4 ? text : `[${text}]`;
}

/** Reads a prefix in a table of this folder, such as `10.0.0.0/8` or `2001:db8::/32`. Throws if it is none. */
export function prefixConstant(text: string): Prefix {
  const [base = '', length] = text.split('/');
  const address = parseAddress(base);
  if (!address) throw new TypeError(`Not a prefix: "${text}"`);
  return prefixOf(address, length === undefined ? familyBits(address.family) : Number(length));
}
