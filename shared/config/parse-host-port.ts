// Reads `HOST:PORT` of postern's own listener. Pure.
import { parseAddress } from '../policy/address.js';

/** Reads `HOST:PORT`, with IPv6 in brackets. Port 0: the kernel picks one. @returns undefined if the text is no address */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

// The address of a DNS server as users write it. Pure.

/** Whether a text is `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. */
export function isNameServer(text: string): boolean {
  if (parseAddress(text) !== undefined) return true;
  const named = parseHostPort(text);
  return named !== undefined && named.port > 0 && parseAddress(named.host) !== undefined;
}
