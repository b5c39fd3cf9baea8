// Each address has one text, so that people can compare logs with rules.

/**
 * Writes an IPv6 address in the form of RFC 5952: lower case, no leading zeros, and `::` for the first longest run of two or more zero
 * groups.
 *
 * @param bytes 16 bytes in network order
 * @returns the text, without brackets
 */
export function formatIpv6(bytes: Uint8Array): string {
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
