// Reads the text of an address to listen on, strictly: no lookup and no default.
import { parseAddress } from '../policy/address.js';
import { quote } from '../policy/quote.js';

/** The address of a listener. */
export type ListenAddress =
  | {
      readonly kind: 'tcp';
      /** 4 or 16 bytes in network order. All zero: every address of that family. */
      readonly bytes: Uint8Array;
      /** 0 to 65535. 0: the kernel picks one. */
      readonly port: number;
    }
  | { readonly kind: 'unix'; readonly path: string };

export type ListenAddressResult =
  | { readonly ok: true; readonly address: ListenAddress }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string | undefined };

/** The size of sun_path without its final NUL, unix(7). */
export const MAX_SOCKET_PATH_BYTES: number = 107;
const MAX_PORT = 65_535;
const PORT = /^(?:0|[1-9]\d{0,4})$/;

/**
 * Reads `127.0.0.1:8080`, `[::1]:8080`, or the path of a UNIX socket, which contains a `/`.
 *
 * @returns the address, or why the text is none, with a suggestion
 */
export function readListenAddress(text: string): ListenAddressResult {
  const scheme = /^[a-z][a-z0-9+.-]*:(?:\/\/(?=[^/])(.+?)\/?|\/{0,2}(\/.*))$/i.exec(text);
  if (scheme !== null) return bad(text, 'it has a scheme', scheme[1] ?? scheme[2]);
  if (text.includes('/')) return readPath(text);
  if (PORT.test(text)) return bad(text, 'it names no address', `127.0.0.1:${text}`);
  const parts = /^(?:\[([^\]]*)\]|(.*)):([^:\]]*)$/.exec(text);
  if (parts === null) return withoutPort(text);
  const [, bracketed, bare, digits = ''] = parts;
  if (bracketed === undefined && !PORT.test(digits) && parseAddress(text) !== undefined)
    return withoutPort(text);
  if (!PORT.test(digits) || Number(digits) > MAX_PORT)
    return bad(text, 'its port is not a number from 0 to 65535');
  return bracketed === undefined
    ? readBare(text, bare ?? '', digits)
    : readBracketed(text, bracketed, digits);
}

function readBare(text: string, host: string, port: string): ListenAddressResult {
  const address = parseAddress(host);
  if (address?.family === 4 && !host.includes(':')) return tcp(address.bytes, port);
  // `::1:8080` is an address without a port, or an address and port without brackets.
  if (address !== undefined) return bad(text, 'IPv6 stands in brackets', `[${host}]:${port}`);
  if (parseAddress(text) !== undefined) return withoutPort(text);
  if (host === '') return bad(text, 'it names no address', `127.0.0.1:${port}`);
  if (host === '*') return bad(text, '* is not an address', `0.0.0.0:${port}`);
  if (host.toLowerCase() === 'localhost')
    return bad(text, 'a name may stand for several addresses', `127.0.0.1:${port}`);
  return bad(text, `${quote(host)} is not an address, and names are not looked up`);
}

function readBracketed(text: string, host: string, port: string): ListenAddressResult {
  const address = parseAddress(host);
  if (address?.family === 4) return bad(text, 'that is an IPv4 address', `${address.text}:${port}`);
  if (address === undefined) return bad(text, `${quote(host)} is no IPv6 address`);
  const [first = 0, second = 0] = address.bytes;
  if (first === 0xfe && (second & 0xc0) === 0x80)
    return bad(text, 'a link-local address says nothing without its interface, which cannot be given');
  return tcp(address.bytes, port);
}

function readPath(text: string): ListenAddressResult {
  if (text.endsWith('/')) return bad(text, 'it is the path of a folder');
  if (text.includes('\0')) return bad(text, 'a path holds no NUL');
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_SOCKET_PATH_BYTES)
    return bad(text, `a socket's path has at most ${MAX_SOCKET_PATH_BYTES} bytes, and this has ${bytes}`);
  return { ok: true, address: { kind: 'unix', path: text } };
}

function withoutPort(text: string): ListenAddressResult {
  const address = parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  if (address !== undefined)
    return bad(
      text,
      'it has no port',
      address.family === 4 ? `${address.text}:8080` : `[${address.text}]:8080`,
    );
  if (/^[\w-][\w.-]*$/.test(text)) return bad(text, 'a path has a "/" in it', `./${text}`);
  return bad(text, 'write ADDRESS:PORT or a path');
}

function tcp(bytes: Uint8Array, port: string): ListenAddressResult {
  return { ok: true, address: { kind: 'tcp', bytes, port: Number(port) } };
}

function bad(text: string, why: string, suggestion?: string): ListenAddressResult {
  return { ok: false, message: `Cannot listen on ${quote(text)}: ${why}`, suggestion };
}
