// The rule that would allow a refused request and nothing else.
import type { Address } from './address.js';

/** The allow rule for one name on one port, such as `api.example.com:8443`. */
export function suggestName(name: string, port: number): string {
  return `${name}:${port}`;
}

/** The allow rule for one address on one port, such as `10.1.2.3:5432` or `[fd00::1]:5432`. */
export function suggestAddress(address: Address, port: number): string {
  return `${address.family === 4 ? address.text : `[${address.text}]`}:${port}`;
}
