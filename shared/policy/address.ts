// Addresses as values: read once, compared as bytes. Runs in every process. Trusts no text.

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

// Reads a dotted quad, and none of the other forms that inet_aton(3) takes.

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/**
 * Reads a dotted quad: four decimal numbers from 0 to 255. A leading zero is refused, since some read it as octal (CVE-2024-29415).
 *
 * @param text as written
 * @returns 4 bytes in network order, or undefined
 */
export function parseIpv4(text: string): Uint8Array | undefined {
  const quad = QUAD.exec(text);
  if (!quad) return undefined;
  const bytes = new Uint8Array(4);
  for (let at = 0; at < 4; at++) {
    const octet = Number(quad[at + 1]);
    if (octet > 255) return undefined;
    bytes[at] = octet;
  }
  return bytes;
}

// Reads the text forms of RFC 4291 section 2.2, without brackets and without the zone of RFC 4007.

const GROUP = /^[0-9a-f]{1,4}$/i;
const BYTES = 16;

/**
 * Reads an IPv6 address: eight groups of one to four hexadecimal digits, one run of zeros as `::`, the last two groups
 * possibly as a dotted quad.
 *
 * @param text as written
 * @returns 16 bytes in network order, or undefined
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(BYTES);
  const gap = text.indexOf('::');
  if (gap === -1) return writeGroups(text, bytes, 0, true) === BYTES ? bytes : undefined;
  const head = writeGroups(text.slice(0, gap), bytes, 0, false);
  const end = head === undefined ? undefined : writeGroups(text.slice(gap + 2), bytes, head, true);
  // The gap stands for at least one group.
  if (head === undefined || end === undefined || end > BYTES - 2) return undefined;
  const tail = BYTES - (end - head);
  bytes.copyWithin(tail, head, end);
  return bytes.fill(0, head, tail);
}

/** @returns where the groups end, or undefined if they are invalid or too many */
function writeGroups(
  text: string,
  bytes: Uint8Array,
  from: number,
  mayEndInQuad: boolean,
): number | undefined {
  let at = from;
  if (text === '') return at;
  for (let start = 0; start <= text.length; ) {
    const colon = text.indexOf(':', start);
    const end = colon === -1 ? text.length : colon;
    const group = text.slice(start, end);
    if (GROUP.test(group) && at < BYTES) {
      const value = Number.parseInt(group, 16);
      bytes[at] = value >> 8;
      bytes[at + 1] = value & 0xff;
      at += 2;
    } else {
      const quad = mayEndInQuad && colon === -1 && at <= BYTES - 4 ? parseIpv4(group) : undefined;
      if (!quad) return undefined;
      bytes.set(quad, at);
      at += 4;
    }
    start = end + 1;
  }
  return at;
}

// Each address has one text, so that people can compare logs with rules.

/**
 * Writes an IPv6 address in the form of RFC 5952: lower case, no leading zeros, and `::` for the first longest run of two or more zero
 * groups.
 *
 * @param bytes 16 bytes in network order
 * @returns the text, without brackets
 */
function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  const zeros = longestZeroRun(groups);
  let text = '';
  for (let at = 0; at < groups.length; at += 1) {
    if (zeros.length > 1 && at === zeros.start) {
      text += '::';
      at += zeros.length - 1;
    } else {
      const joint = text === '' || text.endsWith('::') ? '' : ':';
      text += `${joint}${(groups[at] ?? 0).toString(16)}`;
    }
  }
  return text;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === 0) end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}
