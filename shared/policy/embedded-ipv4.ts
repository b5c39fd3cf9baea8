// The IPv4 address inside an IPv6 address, which a translator or tunnel reaches. NAT64 of 169.254.169.254 is the metadata service
// by another name.
import { type Address, addressFromBytes } from './address.js';
import { prefixConstant, sameBits } from './prefix.js';

/** An IPv4 address inside an IPv6 one. */
export interface EmbeddedIpv4 {
  readonly address: Address;
  /** The bit of the IPv6 address at which it begins, 0 to 96. */
  readonly at: number;
}

/** A form, the bit at which its IPv4 address begins, and the byte with which each of its bytes is combined by XOR. */
const FORMS = [
  ['::/96', 96, 0], // RFC 4291 section 2.5.5.1
  ['::ffff:0:0:0/96', 96, 0], // RFC 2765 section 2.1
  ['64:ff9b::/96', 96, 0], // RFC 6052 section 2.1
  ['64:ff9b:1::/48', 96, 0], // RFC 8215, read as its /96 prefixes
  ['2002::/16', 16, 0], // RFC 3056 section 2
  ['2001::/32', 32, 0], // RFC 4380 section 4: the server
  ['2001::/32', 96, 0xff], // RFC 4380 section 4: the client, inverted
] as const;
const READERS = FORMS.map(([form, at, mask]) => ({ prefix: prefixConstant(form), at, mask }));

const NONE: readonly EmbeddedIpv4[] = [];

/**
 * Reads the IPv4 addresses inside IPv4-compatible, IPv4-translated, NAT64, 6to4 and Teredo addresses.
 *
 * @param address any address
 * @returns the IPv4 addresses, none for IPv4 itself, `::` and `::1`
 */
export function embeddedIpv4(address: Address): readonly EmbeddedIpv4[] {
  const { bytes } = address;
  // A form begins with the byte 00 or 20. This quick check runs for every IPv6 address.
  if (address.family === 4 || (bytes[0] !== 0 && bytes[0] !== 0x20)) return NONE;
  if (address.text === '::' || address.text === '::1') return NONE;
  const found: EmbeddedIpv4[] = [];
  for (const { prefix, at, mask } of READERS) {
    if (!sameBits(prefix.bytes, bytes, prefix.length)) continue;
    const inner = bytes.subarray(at / 8, at / 8 + 4).map((byte) => byte ^ mask);
    found.push({ address: addressFromBytes(inner), at });
  }
  return found;
}
