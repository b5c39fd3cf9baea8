// The client's part of SOCKS5, RFC 1928, with user and password, RFC 1929. Runs in the broker. The proxy's bytes are hostile. Each message
// says how long it is, so no byte after the last one is taken.
import type { Credentials } from '../../shared/config/via-config.js';
import { garbled, type Handshake, type ProxyFailure, type ProxyTarget, type Taken } from './handshake.js';

const VERSION = 5;
const LOGIN_VERSION = 1;
const NO_LOGIN = 0;
const LOGIN = 2;
const NO_METHOD = 0xff;
const CONNECT = 1;
const IPV4 = 1;
const NAME = 3;
const IPV6 = 4;
/** Version, reply, reserved, type of the address, and its first byte: the length of a name. */
const REPLY_HEAD_BYTES = 5;
const PORT_BYTES = 2;

/** Answers of the proxy, RFC 1928 section 6. */
const REPLIES: Readonly<Record<number, ProxyFailure>> = {
  1: { outcome: 'unreachable', errno: 'EHOSTUNREACH', cause: 'failed (1)' },
  2: {
    outcome: 'refused',
    errno: 'EACCES',
    cause: 'does not permit this destination (2)',
    isForbidden: true,
  },
  3: { outcome: 'unreachable', errno: 'ENETUNREACH', cause: 'cannot reach the network (3)' },
  4: { outcome: 'unreachable', errno: 'EHOSTUNREACH', cause: 'cannot reach the destination (4)' },
  5: { outcome: 'refused', errno: 'ECONNREFUSED', cause: 'was refused by the destination (5)' },
  6: { outcome: 'timeout', errno: 'ETIMEDOUT', cause: 'had no answer in time (6)' },
  7: { outcome: 'refused', errno: 'ECONNREFUSED', cause: 'makes no connections (7)' },
  8: { outcome: 'unreachable', errno: 'EAFNOSUPPORT', cause: 'takes no address of this kind (8)' },
};

/** What the proxy says next. */
type Stage = 'method' | 'login' | 'reply' | 'address';

export class Socks5 implements Handshake {
  readonly opening: Uint8Array;
  readonly #target: ProxyTarget;
  readonly #credentials: Credentials | undefined;
  #stage: Stage = 'method';
  #needed = 2;
  #held: number[] = [];

  /** @param credentials user and password, 1 to 255 bytes each */
  constructor(target: ProxyTarget, credentials: Credentials | undefined) {
    this.#target = target;
    this.#credentials = credentials;
    this.opening = Uint8Array.from(
      credentials === undefined ? [VERSION, 1, NO_LOGIN] : [VERSION, 2, NO_LOGIN, LOGIN],
    );
  }

  take(bytes: Uint8Array): Taken {
    let used = 0;
    while (used < bytes.length) {
      const part = bytes.subarray(used, used + this.#needed - this.#held.length);
      this.#held.push(...part);
      used += part.length;
      if (this.#held.length < this.#needed) break;
      const next = this.#step(this.#held);
      if (next !== 'more') return { used, next };
    }
    return { used, next: 'more' };
  }

  #step(message: readonly number[]): Taken['next'] {
    switch (this.#stage) {
      case 'method':
        return this.#chosen(message);
      case 'login':
        if (message[0] !== LOGIN_VERSION) return garbled('no login of SOCKS5');
        if (message[1] !== 0)
          return { outcome: 'refused', errno: 'EACCES', cause: 'takes no such credentials' };
        return this.#ask();
      case 'reply':
        return this.#replied(message);
      case 'address':
        return 'open';
    }
  }

  #expect(stage: Stage, bytes: number): void {
    this.#stage = stage;
    this.#needed = bytes;
    this.#held = [];
  }

  #chosen([version, method]: readonly number[]): Taken['next'] {
    if (version !== VERSION) return garbled('no SOCKS5');
    if (method === NO_LOGIN) return this.#ask();
    if (method === LOGIN && this.#credentials !== undefined) {
      this.#expect('login', 2);
      const user = Buffer.from(this.#credentials.user);
      const password = Buffer.from(this.#credentials.password);
      return Uint8Array.from([LOGIN_VERSION, user.length, ...user, password.length, ...password]);
    }
    if (method !== NO_METHOD) return garbled('a way to log in that it was not offered');
    const cause = this.#credentials === undefined ? 'wants credentials' : 'takes no user and password';
    return { outcome: 'refused', errno: 'EACCES', cause };
  }

  #ask(): Uint8Array {
    this.#expect('reply', REPLY_HEAD_BYTES);
    const { host, family, bytes, port } = this.#target;
    const name = Buffer.from(host, 'latin1');
    const address =
      family === 'name' ? [NAME, name.length, ...name] : [family === 4 ? IPV4 : IPV6, ...(bytes ?? [])];
    return Uint8Array.from([VERSION, CONNECT, 0, ...address, port >> 8, port & 0xff]);
  }

  #replied([version, reply = 0, , type, first = 0]: readonly number[]): Taken['next'] {
    if (version !== VERSION) return garbled('no SOCKS5');
    if (reply !== 0) return REPLIES[reply] ?? garbled(`an unknown reply (${reply})`);
    const rest = { [IPV4]: 4 - 1, [NAME]: first, [IPV6]: 16 - 1 }[type ?? -1];
    if (rest === undefined) return garbled('an address of no known kind');
    this.#expect('address', rest + PORT_BYTES);
    return 'more';
  }
}
