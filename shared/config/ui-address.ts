// Where the live page is served: a loopback address with a port, or a UNIX socket. Who reaches the page and has its token commands postern, so it is
// never served on a network. Pure.
import { readListenAddress } from './listen-address.js';

export interface UiConfig {
  /** As {@link readUiAddress} reads it; a path is absolute. */
  readonly address: string;
  /** Whether the page may add rules to the file. */
  readonly edit: boolean;
}

export const DEFAULT_UI = '127.0.0.1:9465';
const UNIX = 'unix:';

export type UiAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** @returns what is wrong with it, as text */
export function readUiAddress(text: string): UiAddress | { readonly problem: string } {
  const problem = `expected a loopback address such as ${DEFAULT_UI}, or unix: and a path, not "${text}"`;
  if (text.startsWith(UNIX)) {
    const path = text.slice(UNIX.length);
    const read = readListenAddress(path.includes('/') ? path : `./${path}`);
    return read.ok && read.address.kind === 'unix' ? { kind: 'unix', path } : { problem };
  }
  const read = readListenAddress(text);
  if (!read.ok || read.address.kind !== 'tcp') return { problem };
  const { bytes, port } = read.address;
  // protects: G21 ui: the page is served on loopback alone
  if (!isLoopback(bytes)) return { problem };
  return { kind: 'tcp', host: text.slice(0, text.lastIndexOf(':')).replace(/^\[|\]$/g, ''), port };
}

/** @param absolute makes a path of the file absolute */
export function absoluteUi(text: string, absolute: (path: string) => string): string {
  const read = readUiAddress(text);
  return 'kind' in read && read.kind === 'unix' ? `${UNIX}${absolute(read.path)}` : text;
}

/** The path of the socket that no plugin may see, if it is one. */
export function uiSocket(ui: UiConfig | undefined): readonly string[] {
  const read = ui === undefined ? undefined : readUiAddress(ui.address);
  return read !== undefined && 'kind' in read && read.kind === 'unix' ? [read.path] : [];
}

function isLoopback(bytes: Uint8Array): boolean {
  return bytes.length === 4 ? bytes[0] === 127 : bytes.every((byte, at) => byte === (at === 15 ? 1 : 0));
}
