import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyFailure, ProxyTarget, Taken } from '../../../broker/upstream/handshake.js';
import { Socks5 } from '../../../broker/upstream/socks5.js';

const NAME = { host: 'api.example.com', family: 'name', bytes: undefined, port: 443 } as const;
const CREDENTIALS = { user: 'user', password: 'pw' };

/** What the client sends for each answer of the proxy, or how it ends. */
function talk(
  target: ProxyTarget,
  credentials: typeof CREDENTIALS | undefined,
  ...answers: readonly (readonly number[])[]
): Taken['next'][] {
  const handshake = new Socks5(target, credentials);
  return [handshake.opening, ...answers.map((answer) => handshake.take(Uint8Array.from(answer)).next)];
}

test('a name is asked for as a name', () => {
  const said = talk(NAME, undefined, [5, 0], [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(said, [
    Uint8Array.of(5, 1, 0),
    Uint8Array.from([5, 1, 0, 3, 15, ...Buffer.from('api.example.com'), 1, 187]),
    'open',
  ]);
});

test('an address is asked for as an address of its family', () => {
  const four = { host: '192.0.2.7', family: 4, bytes: Uint8Array.of(192, 0, 2, 7), port: 80 } as const;
  assert.deepEqual(talk(four, undefined, [5, 0])[1], Uint8Array.of(5, 1, 0, 1, 192, 0, 2, 7, 0, 80));
  const bytes = Uint8Array.from([0x20, 1, 0xd, 0xb8, ...Array<number>(12).fill(0)]);
  const six = { host: '2001:db8::', family: 6, bytes, port: 80 } as const;
  assert.deepEqual(talk(six, undefined, [5, 0])[1], Uint8Array.from([5, 1, 0, 4, ...bytes, 0, 80]));
});

test('credentials are sent only if the proxy asks for them', () => {
  const login = Uint8Array.from([1, 4, ...Buffer.from('user'), 2, ...Buffer.from('pw')]);
  const asked = talk(NAME, CREDENTIALS, [5, 2], [1, 0]);
  assert.deepEqual(asked.slice(0, 2), [Uint8Array.of(5, 2, 0, 2), login]);
  assert.equal((asked[2] as Uint8Array)[1], 1);
  assert.equal((talk(NAME, CREDENTIALS, [5, 0])[1] as Uint8Array)[1], 1);
  assert.equal((talk(NAME, CREDENTIALS, [5, 2], [1, 1])[2] as ProxyFailure).errno, 'EACCES');
  assert.equal((talk(NAME, undefined, [5, 2])[1] as ProxyFailure).errno, 'EPROTO');
  assert.match((talk(NAME, undefined, [5, 0xff])[1] as ProxyFailure).cause, /wants credentials/);
});

for (const [type, address] of [
  [1, [10, 0, 0, 1]],
  [3, [3, 97, 98, 99]],
  [3, [0]],
  [4, Array<number>(16).fill(9)],
] as const)
  test(`the reply's address of ${address.length} bytes (${type}) is taken, and no byte after it`, () => {
    const handshake = new Socks5(NAME, undefined);
    handshake.take(Uint8Array.of(5, 0));
    const reply = Uint8Array.from([5, 0, 0, type, ...address, 0, 80, 83, 83, 72]);
    assert.deepEqual(handshake.take(reply), { used: reply.length - 3, next: 'open' });
  });

test('a conversation may come byte by byte', () => {
  const handshake = new Socks5(NAME, undefined);
  const nexts = [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0].map((byte) => handshake.take(Uint8Array.of(byte)));
  assert.ok(nexts.every(({ used }) => used === 1));
  assert.deepEqual(
    nexts.map(({ next }) => (typeof next === 'string' ? next : 'bytes')),
    ['more', 'bytes', ...Array<string>(9).fill('more'), 'open'],
  );
});

test('each reply has the errno of its cause', () => {
  const errnos = [1, 2, 3, 4, 5, 6, 7, 8, 9, 255].map((reply) => {
    const next = talk(NAME, undefined, [5, 0], [5, reply, 0, 1, 0])[2];
    return (next as ProxyFailure).errno;
  });
  assert.deepEqual(errnos, [
    'EHOSTUNREACH',
    'EACCES',
    'ENETUNREACH',
    'EHOSTUNREACH',
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ECONNREFUSED',
    'EAFNOSUPPORT',
    'EPROTO',
    'EPROTO',
  ]);
});

for (const [what, answers] of Object.entries({
  'another version': [[4, 0]],
  HTTP: [[...Buffer.from('HTTP/1.1 400')]],
  'a method that was not offered': [[5, 1]],
  'another version in its reply': [
    [5, 0],
    [4, 0, 0, 1, 0],
  ],
  'no known kind of address': [
    [5, 0],
    [5, 0, 0, 2, 0],
  ],
}))
  test(`no tunnel opens for a proxy that answers with ${what}`, () => {
    assert.equal((talk(NAME, undefined, ...answers).at(-1) as ProxyFailure).errno, 'EPROTO');
  });
