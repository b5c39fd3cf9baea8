// Addresses as values: read once, compared as bytes. Runs in every process. Trusts no text.
import { formatIpv6 } from './format-ipv6.js';
import { parseIpv4 } from './parse-ipv4.js';
import { parseIpv6 } from './parse-ipv6.js';

/** An IPv4 or IPv6 address. An IPv4-mapped IPv6 address becomes its IPv4 address. */
export interface Address {
  readonly family: 4 | 6;
  /** Canonical: a dotted quad, or the form of RFC 5952 without brackets. */
  readonly text: string;
  /** Network order, 4 or 16 bytes. */
  readonly bytes: Uint8Array;
}

/** The longest text of an address: eight groups, the last two written as a dotted quad. */
const MAX_ADDRESS_CHARACTERS = 45;

/**
 * Reads an address, strictly: a dotted quad of plain decimals, or an IPv6 address of RFC 4291 section 2.2 without
 * brackets and without a zone.
 *
 * @param text what was written; short forms, octal, hexadecimal and white space are refused
 * @returns the address, IPv4-mapped IPv6 as IPv4, or undefined
 */
export function parseAddress(text: string): Address | undefined {
  const bytes = parseAddressBytes(text);
  if (!bytes) return undefined;
  // A dotted quad that parses is canonical.
  return bytes.length === 4 && !text.includes(':') ? { family: 4, text, bytes } : addressFromBytes(bytes);
}

/**
 * Reads an address as {@link parseAddress} does.
 *
 * @param text what was written
 * @returns its bytes, 4 or 16, or undefined
 */
export function parseAddressBytes(text: string): Uint8Array | undefined {
  if (text.length > MAX_ADDRESS_CHARACTERS) return undefined;
  if (!text.includes(':')) return parseIpv4(text);
  const bytes = parseIpv6(text);
  return bytes && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/**
 * Makes an address from its bytes.
 *
 * @param bytes network order, 4 or 16 of them; kept, not copied
 * @returns the address, IPv4-mapped IPv6 as IPv4 (RFC 4291 section 2.5.5.2)
 */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4)
    return { family: 4, text: `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`, bytes };
  if (isMapped(bytes)) return addressFromBytes(bytes.subarray(12));
  return { family: 6, text: formatIpv6(bytes), bytes };
}

function isMapped(bytes: Uint8Array): boolean {
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}
