// Reads a plugin's struct sockaddr into an owned value. Pure. The bytes are hostile, and a copy.
import { type Address, addressFromBytes } from '../../shared/policy/address.js';
import { LAYOUT } from '../../shared/sys/layout.js';
import { AF_INET, AF_INET6, AF_UNIX, familyOf, portOf } from '../../shared/sys/sockaddr.js';

const AF_UNSPEC = 0;
const AF_NETLINK = 16;
const IN = LAYOUT['struct sockaddr_in'];
const IN6 = LAYOUT['struct sockaddr_in6'];
export const SOCKADDR_IN_BYTES: number = IN.size;
/** sockaddr_in6 without its scope, as in RFC 2133. The kernel takes that too. */
export const SOCKADDR_IN6_BYTES = 24;

/** struct sockaddr_storage: connect(2) and bind(2) take no more. */
export const MAX_SOCKADDR_BYTES = 128;

/** What an address names. */
export type TrappedAddress =
  | {
      readonly kind: 'inet';
      /** As the plugin wrote it: an IPv4 address may come in a sockaddr_in6. */
      readonly family: typeof AF_INET | typeof AF_INET6;
      readonly address: Address;
      readonly port: number;
    }
  | { readonly kind: 'unspec' | 'unix' | 'netlink' | 'other' | 'short' };

/** @param raw exactly as many bytes as the call's length says, 2 at least */
export function readSockaddr(raw: Uint8Array): TrappedAddress {
  const family = familyOf(raw);
  switch (family) {
    case AF_UNSPEC:
      return { kind: 'unspec' };
    case AF_UNIX:
      return { kind: 'unix' };
    case AF_NETLINK:
      return { kind: 'netlink' };
    case AF_INET:
    case AF_INET6: {
      const [at, size, least] =
        family === AF_INET ? [IN.sin_addr, 4, SOCKADDR_IN_BYTES] : [IN6.sin6_addr, 16, SOCKADDR_IN6_BYTES];
      if (raw.length < least) return { kind: 'short' };
      const address = addressFromBytes(raw.slice(at, at + size));
      return { kind: 'inet', family, address, port: portOf(raw) };
    }
    default:
      return { kind: 'other' };
  }
}
