// Rules as text, as an operator writes them. Pure.
import type { Address } from './address.js';
import type { Host } from './parse-host.js';
import { joinRanges, MAX_PORT_ITEMS, type PortRange } from './parse-ports.js';
import { familyBits, formatPrefix, prefixOf } from './prefix.js';

// Allow rules for several ports of one host, in their shortest form.

/** One of them, and the ports that it opens. */
export interface PortsRule {
  readonly rule: string;
  readonly ports: readonly number[];
}

/**
 * Writes allow rules: `api.example.com` for port 443, `api.example.com:443,8443`, `10.1.2.3:443`, `[fd00::1]:80,8000-8009`. One rule names
 * MAX_PORT_ITEMS ports and ranges at most.
 *
 * @param host canonical
 * @param ports at least one, in any order
 */
export function formatRules(host: Host, ports: Iterable<number>): readonly PortsRule[] {
  const items = joinRanges([...ports].map((port) => ({ low: port, high: port }))).flatMap(itemsOf);
  return Array.from({ length: Math.ceil(items.length / MAX_PORT_ITEMS) }, (_, index) => {
    const own = items.slice(index * MAX_PORT_ITEMS, (index + 1) * MAX_PORT_ITEMS);
    const text = own.map(({ low, high }) => (low === high ? String(low) : `${low}-${high}`)).join(',');
    return { rule: withPorts(host, text), ports: own.flatMap(portsIn) };
  });
}

function withPorts(host: Host, text: string): string {
  if (host.kind === 'address') {
    const { address } = host;
    return `${formatPrefix(prefixOf(address, familyBits(address.family)))}:${text}`;
  }
  return text === '443' ? host.name : `${host.name}:${text}`;
}

/** Two ports in a row are listed; three or more stay a range. */
function itemsOf(range: PortRange): readonly PortRange[] {
  const { low, high } = range;
  return high === low + 1 ? [low, high].map((port) => ({ low: port, high: port })) : [range];
}

const portsIn = ({ low, high }: PortRange): readonly number[] =>
  Array.from({ length: high - low + 1 }, (_, index) => low + index);

// The rule that would allow a refused request and nothing else.

/** The allow rule for one name on one port, such as `api.example.com:8443`. */
export function suggestName(name: string, port: number): string {
  return `${name}:${port}`;
}

/** The allow rule for one address on one port, such as `10.1.2.3:5432` or `[fd00::1]:5432`. */
export function suggestAddress(address: Address, port: number): string {
  return `${address.family === 4 ? address.text : `[${address.text}]`}:${port}`;
}
