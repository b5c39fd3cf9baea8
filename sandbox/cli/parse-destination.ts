// Parses HOST:PORT, or unix:PATH, as a person types it. Pure.
import { PosternError } from '../../shared/errors.js';
import { UNIX_PREFIX } from '../../shared/policy/socket-path.js';

/**
 * Splits `api.example.com:443`, `10.1.2.3:5432` or `[2001:db8::1]:443`; without a port, 443. `unix:/run/x.sock` has port 0.
 *
 * @throws PosternError `bad_destination`
 */
export function parseDestination(text: string): { readonly host: string; readonly port: number } {
  if (text.startsWith(`${UNIX_PREFIX}/`)) return { host: text, port: 0 };
  const match = /^(?:\[([^[\]]+)\]|([^:[\]/\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) {
    const url = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]+)/i.exec(text)?.[1];
    const address = /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) ? `[${text}]:443` : undefined;
    const meant = url ?? address;
    throw new PosternError('bad_destination', `Not a destination: "${text}"`, {
      fix: meant === undefined ? 'write HOST:PORT, for example api.example.com:443' : `write ${meant}`,
    });
  }
  return { host, port: match?.[3] === undefined ? 443 : Number(match[3]) };
}
