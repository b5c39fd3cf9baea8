// Reads the URL of a proxy. Pure. Credentials are refused here: a configuration and a command line are read by many.
import { parseHost } from '../policy/parse-host.js';
import { parseHostPort } from './parse-host-port.js';
import { PROXY_KINDS, type ProxyAddress } from './via-config.js';

export type ReadProxyUrl =
  | { readonly ok: true; readonly proxy: ProxyAddress }
  | { readonly ok: false; readonly message: string; readonly fix: string };

const WRITE = 'write http://HOST:PORT or socks5://HOST:PORT';
const OTHERS: Readonly<Record<string, string>> = {
  https: 'postern does not speak TLS to a proxy: nobody would encrypt for the program, which gets the socket',
  socks5h: 'the key resolve says who resolves a name',
  socks4: 'SOCKS4 has no names and no passwords',
  socks4a: 'SOCKS4 has no passwords',
  socks: 'the version is missing',
};

/** @returns a problem whose text holds nothing of what stands before an `@` */
export function readProxyUrl(text: string): ReadProxyUrl {
  const fail = (message: string, fix = WRITE): ReadProxyUrl => ({ ok: false, message, fix });
  const [, scheme = '', rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/]*)\/?$/.exec(text) ?? [];
  const kind = PROXY_KINDS.find((one) => one === scheme.toLowerCase());
  // protects: G6 the URL of a proxy takes no credentials
  if (text.includes('@'))
    return fail(
      'credentials do not belong into the URL of a proxy, which others can read',
      'put USER:PASSWORD into a file, and name the file as its credentials',
    );
  if (kind === undefined) {
    const why = OTHERS[scheme.toLowerCase()];
    return fail(why === undefined ? 'not the URL of a proxy' : `not a proxy that postern can use: ${why}`);
  }
  const place = parseHostPort(rest);
  const host = place && parseHost(place.host);
  if (place === undefined || host === undefined) return fail('the URL of a proxy needs a host and a port');
  if (place.port === 0) return fail('the port of a proxy is 1 to 65535');
  return {
    ok: true,
    proxy: { kind, host: host.kind === 'name' ? host.name : host.address.text, port: place.port },
  };
}
