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
