// Socket addresses as bytes, ip(7), ipv6(7) and unix(7). Runs in broker and supervisor.
import { endianness } from 'node:os';
import { LAYOUT } from './layout.js';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
/** sizeof(struct sockaddr_storage): no address is longer. */
export const SOCKADDR_BYTES = 128;

const IN = LAYOUT['struct sockaddr_in'];
const IN6 = LAYOUT['struct sockaddr_in6'];
const UN = LAYOUT['struct sockaddr_un'];
const little = endianness() === 'LE';

/** An address and port. `bytes` is 4 or 16 bytes in network order. */
export interface Endpoint {
  readonly bytes: Uint8Array;
  /** 0 to 65535 */
  readonly port: number;
}

export function isSameEndpoint(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.bytes.length !== b.bytes.length) return false;
  for (let at = 0; at < a.bytes.length; at += 1) if (a.bytes[at] !== b.bytes[at]) return false;
  return true;
}

/** Makes a struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes), with flow and scope 0. */
export function encodeSockaddr(endpoint: Endpoint): Uint8Array {
  const out = new Uint8Array(endpoint.bytes.length === 4 ? IN.size : IN6.size);
  encodeSockaddrInto(out, endpoint);
  return out;
}

/**
 * As encodeSockaddr(), at the start of a buffer. V8 must move a short array before a call can have its address, so a call that is made often
 * keeps one.
 *
 * @param out SOCKADDR_BYTES are enough
 * @returns how many bytes the address has
 */
export function encodeSockaddrInto(out: Uint8Array, { bytes, port }: Endpoint): number {
  const v4 = bytes.length === 4;
  const size = v4 ? IN.size : IN6.size;
  out.fill(0, 0, size);
  out[little ? 0 : 1] = v4 ? AF_INET : AF_INET6;
  out[IN.sin_port] = port >> 8;
  out[IN.sin_port + 1] = port & 0xff;
  out.set(bytes, v4 ? IN.sin_addr : IN6.sin6_addr);
  return size;
}

/**
 * Reads an address that encodeSockaddr writes, as a copy.
 *
 * @param length how many bytes of the buffer the address has
 * @returns undefined for another family or a short buffer
 */
export function decodeSockaddr(raw: Uint8Array, length: number = raw.length): Endpoint | undefined {
  if (length < IN.size) return undefined;
  const family = familyOf(raw);
  const port = portOf(raw);
  if (family === AF_INET) return { bytes: raw.slice(IN.sin_addr, IN.sin_addr + 4), port };
  if (family === AF_INET6 && length >= IN6.size)
    return { bytes: raw.slice(IN6.sin6_addr, IN6.sin6_addr + 16), port };
  return undefined;
}

/** The address family of a struct sockaddr. @param raw two bytes at least */
export function familyOf(raw: Uint8Array): number {
  const [first = 0, second = 0] = [raw[0], raw[1]];
  return little ? first | (second << 8) : (first << 8) | second;
}

/** The port of a struct sockaddr_in or sockaddr_in6. @param raw four bytes at least */
export function portOf(raw: Uint8Array): number {
  return ((raw[IN.sin_port] ?? 0) << 8) | (raw[IN.sin_port + 1] ?? 0);
}

/** Makes a struct sockaddr_un up to the NUL of its path. @throws RangeError if the path does not fit, or contains a NUL */
export function encodeSocketPath(path: string): Uint8Array {
  const bytes = Buffer.from(path);
  if (bytes.length === 0 || bytes.length > UN.size - UN.sun_path - 1 || bytes.includes(0))
    throw new RangeError(`Not a socket's path: ${bytes.length} bytes`);
  const out = new Uint8Array(UN.sun_path + bytes.length + 1);
  new DataView(out.buffer).setUint16(0, AF_UNIX, little);
  out.set(bytes, UN.sun_path);
  return out;
}
