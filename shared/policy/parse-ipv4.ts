// The dotted quad, and nothing that inet_aton(3) would also take for an address.

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/**
 * Reads a dotted quad: four decimals of 0 to 255. A leading zero is refused, being octal to some (CVE-2024-29415).
 *
 * @param text what was written
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
