// The head of a request: whether it has one meaning only, and what of it goes to the upstream. Runs in the gateway. Pure. Node's parsers have read it; they
// refuse what RFC 9112 calls an error. What is refused here is what two servers could still read in two ways, or what names another host than the
// connection does.
import { METHOD } from '../../shared/policy/http-rules.js';
import { type Placeholder, type Secrets, swapPlaceholders } from './secrets.js';

export type Pairs = readonly (readonly [name: string, value: string])[];

export interface RequestHead {
  readonly version: '1.0' | '1.1' | '2.0';
  readonly method: string;
  /** As it stood in the request line, or in `:path`. */
  readonly target: string;
  /** `:authority`; undefined in HTTP/1. */
  readonly authority: string | undefined;
  /** `:scheme`; undefined in HTTP/1. */
  readonly scheme: string | undefined;
  /** In their order, without those that begin with a colon. */
  readonly headers: Pairs;
}

/** Of the target and all headers. */
export const HEADER_BYTES = 32_768;

/** With the secrets. */
const SENT_HEADER_BYTES = 65_536;

/** The host that a connection is for. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface HeadProblem {
  readonly status: 400 | 421;
  readonly reason: 'bad_request' | 'host_mismatch';
  readonly message: string;
}

/** rawHeaders of Node, as pairs. */
export function pairsOf(raw: readonly string[]): Pairs {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name, value] = [raw[at] ?? '', raw[at + 1] ?? ''];
    if (!name.startsWith(':')) pairs.push([name, value]);
  }
  return pairs;
}

export function valuesOf(headers: Pairs, name: string): readonly string[] {
  return headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

/** @returns what is wrong with a method and a target, for any host */
export function lineProblem({ method, target }: Pick<RequestHead, 'method' | 'target'>): string | undefined {
  // protects: G23 gateway: a method in other letters is refused
  if (!METHOD.test(method)) return 'the method is not of capital letters, 32 at most';
  // protects: G23 gateway: CONNECT is refused
  if (method === 'CONNECT') return 'the gateway makes no tunnel';
  // protects: G23 gateway: a target of another form than a path is refused
  if (!target.startsWith('/')) return 'the target is no path';
  // protects: G23 gateway: a target with odd bytes is refused
  if (/[^\x21-\x7e]|#/.test(target)) return 'the target has odd characters';
  return undefined;
}

/**
 * @param sni the name of the TLS handshake; undefined if it had none
 * @param usual the port of the scheme, which Host may leave out
 * @returns what is wrong with it; undefined if it has one meaning, and is for the place
 */
export function headProblem(
  head: RequestHead,
  place: Place,
  sni: string | undefined,
  usual: number = HTTPS,
): HeadProblem | undefined {
  const bad = (message: string): HeadProblem => ({ status: 400, reason: 'bad_request', message });
  const other = (what: string): HeadProblem => ({
    status: 421,
    reason: 'host_mismatch',
    message: `${what} is not ${place.host}`,
  });
  const { target, headers, version } = head;
  const count = (name: string): number => valuesOf(headers, name).length;
  const line = lineProblem(head);
  if (line !== undefined) return bad(line);
  if (version === '1.0') return bad('HTTP/1.0 is not served');
  const bytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, target.length);
  // protects: G23 gateway: the bytes of headers are bounded, by HTTP/2 too
  if (bytes > HEADER_BYTES) return bad('too many bytes of headers');
  // protects: G23 gateway: a body with two lengths is refused
  if (count('transfer-encoding') > 0 && count('content-length') > 0) return bad('two lengths of one body');
  // protects: G23 gateway: a repeated header of the framing is refused
  for (const name of ['transfer-encoding', 'content-length', 'host'])
    if (count(name) > 1) return bad(`${name} comes more than once`);
  const [encoding] = valuesOf(headers, 'transfer-encoding');
  // protects: G23 gateway: another transfer encoding than chunked is refused
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked')
    return bad('a transfer encoding besides chunked');
  const [length] = valuesOf(headers, 'content-length');
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return bad('content-length is no number');
  const odd = headers.find(
    ([name, value]) => !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\0\r\n]/.test(value),
  );
  if (odd !== undefined) return bad('a header has odd characters');
  const named = [...valuesOf(headers, 'host'), ...(head.authority === undefined ? [] : [head.authority])];
  if (named.length === 0) return bad('no host is named');
  // protects: G23 gateway: Host and :authority name the host of the connection
  if (named.some((one) => !isPlace(one, place, usual))) return other('Host');
  // protects: G23 gateway: the name of the TLS handshake is the host of the connection
  if (sni?.toLowerCase() !== place.host) return other('the name in the TLS handshake');
  if (head.scheme !== undefined && head.scheme !== 'https') return bad('the scheme is not https');
  return undefined;
}

function isPlace(text: string, { host, port }: Place, usual: number): boolean {
  const lower = text.toLowerCase();
  return lower === `${host}:${port}` || (port === usual && lower === host);
}

const HTTPS = 443;

/** What the upstream is told as the host. */
export function authorityOf({ host, port }: Place): string {
  return port === HTTPS ? host : `${host}:${port}`;
}

// What goes on.

/** Of one connection, RFC 9110 section 7.6.1, and what the gateway says itself. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization'],
  ...['transfer-encoding', 'te', 'upgrade', 'http2-settings', 'host', 'expect'],
  // Another way to the same host would go around the gateway.
  'alt-svc',
]);
/** For some servers they stand in the place of the method or the path that the rules saw. */
const OVERRIDES: ReadonlySet<string> = new Set([
  ...['x-http-method-override', 'x-http-method', 'x-method-override'],
  ...['x-original-url', 'x-rewrite-url', 'x-original-uri'],
]);

/** They name a second path: what a request copies, moves or links. S3 and services like it, OpenStack Swift, and WebDAV, RFC 4918 section 10.3. */
const SECOND_PATH =
  /^(?:destination|x-(?:[a-z0-9]+-)*(?:copy-source|copy-from|rename-source|symlink-target|object-manifest))$/;

/** @returns the header that names a second path, if there is one: rules see the path of the target alone */
export function secondPathOf(headers: Pairs): string | undefined {
  return headers.find(([name]) => SECOND_PATH.test(name.toLowerCase()))?.[0];
}

/** Without what belongs to the connection alone. */
export function endToEnd(headers: Pairs): Pairs {
  const listed = new Set(
    valuesOf(headers, 'connection').flatMap((value) =>
      value.split(',').map((one) => one.trim().toLowerCase()),
    ),
  );
  // A program must not take a header away that the gateway sets: those come afterwards.
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && !listed.has(lower);
  });
}

export interface HeaderSettings {
  /** Set on each request, whatever the program has sent. */
  readonly set: Pairs;
  readonly placeholders: readonly Placeholder[];
  readonly secrets: Secrets;
  /** Whether answers are searched for secrets: then no answer is compressed. */
  readonly searched: boolean;
  /** Whether a part of an answer may be asked for all the same. */
  readonly ranged?: boolean;
  /** Whether rules look at methods. */
  readonly ruled: boolean;
}

/** A part of an answer can have a part of a secret. The third is of old servers, the fourth of Azure. */
const PARTS: readonly string[] = ['range', 'if-range', 'request-range', 'x-ms-range'];

/** @returns what the request goes out with, or why it must not. `injected` counts the headers with secrets */
export function outgoingHeaders(
  headers: Pairs,
  { set, placeholders, secrets, searched, ranged = false, ruled }: HeaderSettings,
): { readonly headers: Pairs; readonly injected: number } | 'secret_missing' | 'too_long' {
  const own = new Set(set.map(([name]) => name.toLowerCase()));
  // It announces fields behind the body, and those of a request do not go on.
  // protects: G23 gateway: no request announces what does not follow
  own.add('trailer');
  if (searched) own.add('accept-encoding');
  // protects: G23 gateway: an answer that is searched comes whole
  if (searched && !ranged) for (const name of PARTS) own.add(name);
  const kept = endToEnd(headers).filter(([name]) => {
    const lower = name.toLowerCase();
    return (
      /* protects: G23 gateway: a header has no second spelling => true */ !isAmbiguous(
        lower,
        placeholders,
      ) &&
      /* protects: G23 gateway: a header that is set takes the place of the program's */ !own.has(lower) &&
      /* protects: G23 gateway: no header makes another method or path of a request => true */ !(
        ruled && OVERRIDES.has(lower)
      )
    );
  });
  const swapped = kept.map(([name, value]) => ({
    name,
    ...swapPlaceholders(name, value, placeholders, secrets),
  }));
  const out: [string, string][] = [];
  for (const { name, value } of swapped) {
    if (value === undefined) return 'secret_missing';
    out.push([name, value]);
  }
  const bytes = out.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  // protects: G23 gateway: what placeholders make of headers is bounded
  if (bytes > SENT_HEADER_BYTES) return 'too_long';
  if (searched) out.push(['accept-encoding', 'identity']);
  const values = [...secrets.values()];
  const filled = set.filter(([, value]) => values.some((secret) => value.includes(secret)));
  const injected = swapped.filter((one) => (one.swapped ?? 0) > 0).length + filled.length;
  return { headers: [...out, ...set], injected };
}

/** As CGI, many servers take `_` and other characters for `-`. nginx drops such headers too. One that the configuration names is meant. */
function isAmbiguous(name: string, placeholders: readonly Placeholder[]): boolean {
  return !/^[a-z0-9-]+$/.test(name) && !placeholders.some(({ headers }) => headers.includes(name));
}

/** Whether a request wants to go on as a WebSocket, RFC 6455 section 4.1. It has no body. */
export function wantsWebSocket({ method, headers }: RequestHead): boolean {
  return (
    method === 'GET' &&
    valuesOf(headers, 'upgrade').join().toLowerCase() === 'websocket' &&
    /* protects: G23 gateway: an upgrade with a body is refused => true */ !headers.some(([name]) =>
      ['content-length', 'transfer-encoding'].includes(name.toLowerCase()),
    )
  );
}
