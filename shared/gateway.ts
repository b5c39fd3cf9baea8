// What supervisor and broker agree on about gateways: the name that a gateway has as a plugin, and its addresses in the sandbox of its owner.
import { type Address, addressFromBytes } from './policy/address.js';

/** No name of a configuration has a dot. */
const SUFFIX = '.gateway';

/** The name under which the broker serves the gateway of a plugin. */
export function gatewayName(plugin: string): string {
  return `${plugin}${SUFFIX}`;
}

/** The plugin that a gateway belongs to; any other name as it is. */
export function ownerOfGateway(name: string): string {
  return name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
}

/** The name of a host for plain HTTP in the sandbox of its owner (`base_url`). `.internal` is for private use, and in no public DNS. */
export function plainNameOf(host: string): string {
  return `${host}${PLAIN_SUFFIX}`;
}

/** The host of such a name; undefined for any other name. */
export function hostOfPlainName(name: string): string | undefined {
  return name.endsWith(PLAIN_SUFFIX) ? name.slice(0, -PLAIN_SUFFIX.length) : undefined;
}

const PLAIN_SUFFIX = '.gateway.internal';
/** Where the sandbox serves it, and the port of the host that it stands for. */
export const PLAIN_PORTS = { inside: 80, upstream: 443 } as const;

// The addresses, one for each host, in the order of the configuration. They are the last of 198.18.0.0/15, RFC 2544, which no network
// routes. Only the `lo` of the plugin's sandbox has them, and the gateway's listeners. broker/dns/grants.ts has the rest of the block.

/** The block as its first bytes, and its mask. */
export const GATEWAY_BLOCK = { bytes: [198, 19, 255, 0], bits: 24 } as const;
/** Of the addresses, the first is the block and the last is for broadcast. */
export const GATEWAY_ADDRESSES = 254;

/** @param index of the host, below GATEWAY_ADDRESSES */
export function gatewayAddress(index: number): Address {
  return addressFromBytes(Uint8Array.of(198, 19, 255, index + 1));
}

export function isGatewayAddress({ family, bytes }: Address): boolean {
  return family === 4 && bytes[0] === 198 && bytes[1] === 19 && bytes[2] === 255;
}
