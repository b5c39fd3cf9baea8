// The address of a DNS server as users write it. Pure.
import { parseAddress } from '../policy/address.js';
import { parseHostPort } from './parse-host-port.js';

/** Whether a text is `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. */
export function isNameServer(text: string): boolean {
  if (parseAddress(text) !== undefined) return true;
  const named = parseHostPort(text);
  return named !== undefined && named.port > 0 && parseAddress(named.host) !== undefined;
}
