// Rules as text, as an operator writes them. Pure.
import type { Address } from './address.js';
import type { Host } from './parse-host.js';
import { joinRanges, type PortRange } from './parse-ports.js';
import { familyBits, formatPrefix, prefixOf } from './prefix.js';

// One allow rule for several ports of one host, in its shortest form.

/**
 * Writes an allow rule: `api.example.com` for port 443, `api.example.com:443,8443`, `10.1.2.3:443`, `[fd00::1]:80,8000-8009`.
 *
 * @param host canonical
 * @param ports at least one, in any order
 */
export function formatRule(host: Host, ports: Iterable<number>): string {
  const text = joinRanges([...ports].map((port) => ({ low: port, high: port })))
    .map(formatRange)
    .join(',');
  if (host.kind === 'address') {
    const { address } = host;
    return `${formatPrefix(prefixOf(address, familyBits(address.family)))}:${text}`;
  }
  return text === '443' ? host.name : `${host.name}:${text}`;
}

/** Two ports in a row are listed; three or more become a range. */
function formatRange({ low, high }: PortRange): string {
  if (low === high) return String(low);
  return high === low + 1 ? `${low},${high}` : `${low}-${high}`;
}

// The rule that would allow a refused request and nothing else.

/** The allow rule for one name on one port, such as `api.example.com:8443`. */
export function suggestName(name: string, port: number): string {
  return `${name}:${port}`;
}

/** The allow rule for one address on one port, such as `10.1.2.3:5432` or `[fd00::1]:5432`. */
export function suggestAddress(address: Address, port: number): string {
  return `${address.family === 4 ? address.text : `[${address.text}]`}:${port}`;
}
