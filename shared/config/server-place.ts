// Where a server of a URL in postern.yaml is, for postern's own requests. Pure.
import { parseHost } from '../policy/parse-host.js';

export interface ServerPlace {
  /** As in a rule. */
  readonly host: string;
  readonly port: number;
}

/** @returns undefined for a text that is no URL of http or https, or one with a user, a password or a fragment */
export function serverPlace(text: string): ServerPlace | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password, hash } = new URL(text);
  if ((protocol !== 'https:' && protocol !== 'http:') || `${username}${password}${hash}` !== '')
    return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  if (parseHost(host) === undefined) return undefined;
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) };
}
