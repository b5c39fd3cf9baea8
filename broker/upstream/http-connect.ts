// The client's part of HTTP CONNECT, RFC 9110 section 9.3.6. Runs in the broker. The proxy's bytes are hostile: a head is bounded, and only
// its status is read.
import type { Credentials } from '../../shared/config/via-config.js';
import { MAX_PROXY_HEAD_BYTES } from '../../shared/limits.js';
import { garbled, type Handshake, type ProxyFailure, type ProxyTarget, type Taken } from './handshake.js';

const LF = 0x0a;
const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9][0-9])(?: |$)/;
const SWITCHING_PROTOCOLS = 101;

export class HttpConnect implements Handshake {
  readonly opening: Uint8Array;
  /** The line that has begun, one character a byte. */
  #line = '';
  #bytes = 0;
  #status: number | undefined;
  readonly #hasCredentials: boolean;

  /** @param credentials without control characters: user-id and password of RFC 7617 */
  constructor({ host, family, port }: ProxyTarget, credentials: Credentials | undefined) {
    this.#hasCredentials = credentials !== undefined;
    const place = family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
    const lines = [`CONNECT ${place} HTTP/1.1`, `Host: ${place}`];
    if (credentials !== undefined) {
      const pair = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
      lines.push(`Proxy-Authorization: Basic ${pair}`);
    }
    this.opening = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  }

  take(bytes: Uint8Array): Taken {
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      this.#bytes += 1;
      // protects: G6 what a proxy sends before a tunnel is bounded
      if (this.#bytes > MAX_PROXY_HEAD_BYTES)
        return { used: at + 1, next: garbled(`more than ${MAX_PROXY_HEAD_BYTES} bytes of headers`) };
      if (byte !== LF) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      const next = this.#endLine();
      if (next !== 'more') return { used: at + 1, next };
    }
    return { used: bytes.length, next: 'more' };
  }

  /** A line may end without CR, RFC 9112 section 2.2. */
  #endLine(): 'more' | 'open' | ProxyFailure {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    if (this.#status === undefined) {
      const status = STATUS_LINE.exec(line)?.[1];
      if (status === undefined) return garbled('no HTTP');
      this.#status = Number(status);
      return 'more';
    }
    if (line !== '') return 'more';
    const status = this.#status;
    // An interim answer: the final one follows.
    if (status < 200 && status !== SWITCHING_PROTOCOLS) {
      this.#status = undefined;
      return 'more';
    }
    return status >= 200 && status < 300 ? 'open' : failureOf(status, this.#hasCredentials);
  }
}

/** @param status three digits, and no success */
function failureOf(status: number, hadCredentials: boolean): ProxyFailure {
  switch (status) {
    case 401:
    case 407:
      return {
        outcome: 'refused',
        errno: 'EACCES',
        cause: `${hadCredentials ? 'takes no such' : 'wants'} credentials (${status})`,
      };
    case 403:
      return {
        outcome: 'refused',
        errno: 'EACCES',
        cause: 'does not permit this destination (403)',
        isForbidden: true,
      };
    case 408:
    case 504:
      return { outcome: 'timeout', errno: 'ETIMEDOUT', cause: `had no answer in time (${status})` };
    default:
      return status === 404 || status >= 500
        ? { outcome: 'unreachable', errno: 'EHOSTUNREACH', cause: `cannot reach the destination (${status})` }
        : { outcome: 'refused', errno: 'ECONNREFUSED', cause: `refused with the status ${status}` };
  }
}
