// Reads the text forms of RFC 4291 section 2.2, without brackets and without the zone of RFC 4007.
import { parseIpv4 } from './parse-ipv4.js';

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
