// Splits NAME=ADDR of the command line. resolveListeners() checks both parts.
import { quote } from '../policy/quote.js';
import { readListenAddress } from './listen-address.js';
import type { ListenConfig } from './plugin-config.js';

export type ParsedListen =
  | { readonly ok: true; readonly listen: ListenConfig }
  | { readonly ok: false; readonly message: string; readonly suggestion: string };

/** Splits at the first `=`. @returns name and address as written */
export function parseListen(text: string): ParsedListen {
  const at = text.indexOf('=');
  if (at >= 0) return { ok: true, listen: { name: text.slice(0, at), address: text.slice(at + 1) } };
  const read = readListenAddress(text);
  return {
    ok: false,
    message: `Cannot listen on ${quote(text)}: it has no name`,
    suggestion: `main=${read.ok ? text : (read.suggestion ?? '127.0.0.1:8080')}`,
  };
}
