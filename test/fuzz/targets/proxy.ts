// The bytes of a proxy before a tunnel is open, as HTTP or as SOCKS5. However they are cut, the handshake ends in the same way at the same
// byte, keeps nothing of what it was given, and a failure names no word of the proxy and no credentials.
import assert from 'node:assert/strict';
import type { Handshake, ProxyTarget } from '../../../broker/upstream/handshake.js';
import { beginHandshake } from '../../../broker/upstream/shake-hands.js';
import type { UpstreamProxy } from '../../../broker/upstream/upstream.js';
import { MAX_PROXY_HEAD_BYTES } from '../../../shared/limits.js';
import type { FuzzTarget } from '../fuzz-target.js';

const PLACE = { host: 'proxy.example.com', port: 3128, resolve: 'both' } as const;
const CREDENTIALS = { user: 'name-of-user', password: 'word-of-user' };
const TARGET: ProxyTarget = { host: 'api.example.com', family: 'name', bytes: undefined, port: 443 };
/** Both methods, a login, and a reply with the longest name. */
const MOST_SOCKS_BYTES = 2 + 2 + 5 + 255 + 2;

/** The first byte of an input says which proxy it is. */
function proxyOf(choice: number): UpstreamProxy {
  const credentials = (choice & 2) === 0 ? undefined : CREDENTIALS;
  return { ...PLACE, kind: (choice & 1) === 0 ? 'http' : 'socks5', credentials };
}

interface End {
  readonly used: number;
  readonly what: string;
}

/** @param cut the length of the next part */
function talk(handshake: Handshake, bytes: Uint8Array, cut: () => number): End {
  let used = 0;
  while (used < bytes.length) {
    const part = bytes.slice(used, used + cut());
    const length = part.length;
    const taken = handshake.take(part);
    part.fill(0xa5);
    assert.ok(taken.used > 0 && taken.used <= length, `it took ${taken.used} of ${length}`);
    used += taken.used;
    const { next } = taken;
    if (next === 'open') return { used, what: 'open' };
    if (next === 'more') assert.equal(taken.used, length, 'bytes are left over');
    else if (!(next instanceof Uint8Array)) {
      assert.match(next.cause, /^[a-zA-Z0-9 ,()]{1,100}$/);
      assert.doesNotMatch(next.cause, /of-user/);
      return { used, what: `${next.outcome} ${next.errno} ${next.cause.replace(/\d+/g, 'N')}` };
    }
  }
  return { used, what: 'more' };
}

/** Read again, by a program that knows nothing of cuts. */
function mustBeSuccess(head: string): void {
  const heads = head.split(/\r?\n\r?\n/);
  assert.equal(heads.pop(), '', 'the last byte taken ends the head');
  const statuses = heads.map((one) => Number(/^HTTP\/1\.[01] (\d{3})( |\r?\n|\r?$)/.exec(one)?.[1]));
  const last = statuses.pop() ?? 0;
  assert.ok(last >= 200 && last < 300, `opened by ${last}`);
  assert.ok(
    statuses.every((status) => status >= 100 && status < 200 && status !== 101),
    `after ${statuses}`,
  );
}

export const target: FuzzTarget = {
  name: 'proxy',
  maxBytes: MAX_PROXY_HEAD_BYTES + 1024,
  slowMs: 300,
  tokens: [
    ...['HTTP/1.1 200 OK\r\n', 'HTTP/1.1 100 \r\n', 'HTTP/1.0 407 \n', '\r\n\r\n', '\n\n', 'Via: x\r\n'],
    ...[
      [5, 0],
      [5, 2],
      [1, 0],
      [5, 0, 0, 1, 127, 0, 0, 1, 0, 80],
      [5, 0, 0, 3, 255],
    ].map((one) => Uint8Array.from(one)),
  ],
  generate: (pick) => {
    const reply = [5, pick(10), 0, pick(5), pick(256), ...Array.from({ length: pick(24) }, () => pick(256))];
    const socks = [5, [0, 2, 255][pick(3)] ?? 0, ...(pick(2) === 0 ? [1, pick(2)] : []), ...reply];
    const http = `HTTP/1.${pick(3)} ${100 * pick(7) + pick(10)} words\r\n${'X: y\r\n'.repeat(pick(4))}\r\nrest`;
    const choice = pick(4);
    return Uint8Array.from([choice, ...((choice & 1) === 0 ? Buffer.from(http) : socks)]);
  },
  run: (input) => {
    const [choice = 0, ...rest] = input;
    const bytes = Uint8Array.from(rest);
    const proxy = proxyOf(choice);
    const begin = (): Handshake => beginHandshake(proxy, TARGET);
    const whole = talk(begin(), bytes, () => bytes.length);
    let turn = choice;
    const odd = (): number => {
      turn = (turn * 31 + 7) & 0xff;
      return 1 + (turn % 61);
    };
    assert.deepEqual(
      talk(begin(), bytes, () => 1),
      whole,
      'byte by byte',
    );
    assert.deepEqual(talk(begin(), bytes, odd), whole, 'in odd parts');
    const most = proxy.kind === 'http' ? MAX_PROXY_HEAD_BYTES + 1 : MOST_SOCKS_BYTES;
    assert.ok(whole.used <= most, `${whole.used} bytes were taken`);
    if (proxy.kind === 'http' && whole.what === 'open')
      mustBeSuccess(Buffer.from(bytes.subarray(0, whole.used)).toString('latin1'));
    return `${proxy.kind} ${proxy.credentials === undefined} ${whole.what}`;
  },
};
