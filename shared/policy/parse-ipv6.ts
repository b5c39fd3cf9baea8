// The text forms of RFC 4291 section 2.2, without brackets and without RFC 4007's zone.
import { parseIpv4 } from './parse-ipv4.js';

const GROUP = /^[0-9a-f]{1,4}$/i;

/**
 * Reads an IPv6 address: eight groups of one to four hexadecimal digits, one run of zeros as `::`, the last two groups
 * possibly as a dotted quad.
 *
 * @param text what was written
 * @returns 16 bytes in network order, or undefined
 */
export function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  const [before = '', after] = halves;
  if (halves.length > 2) return undefined;
  const head = parseGroups(before, after === undefined);
  const tail = after === undefined ? [] : parseGroups(after, true);
  if (!head || !tail) return undefined;
  const length = head.length + tail.length;
  if (after === undefined ? length !== 16 : length > 14) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function parseGroups(text: string, mayEndInQuad: boolean): number[] | undefined {
  const bytes: number[] = [];
  if (text === '') return bytes;
  const groups = text.split(':');
  if (groups.length > 8) return undefined;
  for (const [at, group] of groups.entries()) {
    if (GROUP.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
      continue;
    }
    const quad = mayEndInQuad && at === groups.length - 1 ? parseIpv4(group) : undefined;
    if (!quad) return undefined;
    bytes.push(...quad);
  }
  return bytes;
}
