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
  return (
    a.port === b.port &&
    a.bytes.length === b.bytes.length &&
    a.bytes.every((byte, at) => byte === b.bytes[at])
  );
}

/** Makes a struct sockaddr_in (16 bytes) or sockaddr_in6 (28 bytes), with flow and scope 0. */
export function encodeSockaddr({ bytes, port }: Endpoint): Uint8Array {
  const v4 = bytes.length === 4;
  const out = new Uint8Array(v4 ? IN.size : IN6.size);
  const view = new DataView(out.buffer);
  view.setUint16(0, v4 ? AF_INET : AF_INET6, little);
  view.setUint16(IN.sin_port, port, false);
  out.set(bytes, v4 ? IN.sin_addr : IN6.sin6_addr);
  return out;
}

/** Reads an address that encodeSockaddr writes, as a copy. @returns undefined for another family or a short buffer */
export function decodeSockaddr(raw: Uint8Array): Endpoint | undefined {
  if (raw.length < IN.size) return undefined;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  const family = view.getUint16(0, little);
  const port = view.getUint16(IN.sin_port, false);
  if (family === AF_INET) return { bytes: raw.slice(IN.sin_addr, IN.sin_addr + 4), port };
  if (family === AF_INET6 && raw.length >= IN6.size)
    return { bytes: raw.slice(IN6.sin6_addr, IN6.sin6_addr + 16), port };
  return undefined;
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
