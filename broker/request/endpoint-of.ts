// The endpoint that a socket of a family dials for an address. Pure.
import type { Address } from '../../shared/policy/address.js';
import type { Endpoint } from '../../shared/sys/sockaddr.js';

/** @param ofSocket the socket's family: an IPv4 address is mapped for an IPv6 socket */
export function endpointOf({ family, bytes }: Address, port: number, ofSocket: 4 | 6): Endpoint {
  if (ofSocket === family) return { bytes, port };
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return { bytes: mapped, port };
}
