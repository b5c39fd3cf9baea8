// The order to dial in, RFC 8305 section 4. Runs in the broker.
import type { Address } from '../../shared/policy/address.js';

/** Alternates the families, IPv6 first. Each family keeps its order. */
export function interleaveFamilies(addresses: readonly Address[]): readonly Address[] {
  const first = addresses[0];
  if (first === undefined || addresses.every(({ family }) => family === first.family)) return addresses;
  const v6 = addresses.filter(({ family }) => family === 6);
  const v4 = addresses.filter(({ family }) => family === 4);
  const order: Address[] = [];
  for (let index = 0; order.length < addresses.length; index += 1) {
    const [six, four] = [v6[index], v4[index]];
    if (six !== undefined) order.push(six);
    if (four !== undefined) order.push(four);
  }
  return order;
}
