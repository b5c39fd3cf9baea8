import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProxyFailure, Taken } from '../../../broker/upstream/handshake.js';
import { HttpConnect } from '../../../broker/upstream/http-connect.js';
import { MAX_PROXY_HEAD_BYTES } from '../../../shared/limits.js';

const NAME = { host: 'api.example.com', family: 'name', bytes: undefined, port: 443 } as const;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const take = (...parts: string[]): Taken => {
  const handshake = new HttpConnect(NAME, undefined);
  let taken: Taken = { used: 0, next: 'more' };
  for (const part of parts) taken = handshake.take(Buffer.from(part, 'latin1'));
  return taken;
};
const failure = (answer: string): ProxyFailure => take(answer).next as ProxyFailure;

test('CONNECT names the destination, with an IPv6 address in brackets', () => {
  assert.equal(
    text(new HttpConnect(NAME, undefined).opening),
    'CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n',
  );
  const six = { host: '2001:db8::1', family: 6, bytes: new Uint8Array(16), port: 8443 } as const;
  assert.match(text(new HttpConnect(six, undefined).opening), /^CONNECT \[2001:db8::1\]:8443 HTTP\/1\.1\r\n/);
});

test('credentials go as Basic, in UTF-8', () => {
  const { opening } = new HttpConnect(NAME, { user: 'user', password: 'grün:x' });
  const [, pair = ''] = /Proxy-Authorization: Basic (\S+)\r\n/.exec(text(opening)) ?? [];
  assert.equal(Buffer.from(pair, 'base64').toString('utf8'), 'user:grün:x');
});

test('a success opens the tunnel, and no byte after the empty line is taken', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
  assert.deepEqual(take(`${head}SSH-2.0-x\r\n`), { used: head.length, next: 'open' });
  assert.deepEqual(take('HTTP/1.0 204\n\nrest'), { used: 14, next: 'open' });
});

test('a head may come byte by byte, after interim answers', () => {
  const head =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n';
  const parts = [...head];
  assert.equal(take(...parts.slice(0, -1)).next, 'more');
  assert.deepEqual(take(...parts), { used: 1, next: 'open' });
});

test('each refusal has the errno of its cause', () => {
  const errnos = [401, 403, 404, 405, 407, 408, 429, 500, 502, 503, 504, 301, 101].map(
    (status) => [status, failure(`HTTP/1.1 ${status} words of the proxy\r\n\r\n`).errno] as const,
  );
  assert.deepEqual(Object.fromEntries(errnos), {
    101: 'ECONNREFUSED',
    301: 'ECONNREFUSED',
    401: 'EACCES',
    403: 'EACCES',
    404: 'EHOSTUNREACH',
    405: 'ECONNREFUSED',
    407: 'EACCES',
    408: 'ETIMEDOUT',
    429: 'ECONNREFUSED',
    500: 'EHOSTUNREACH',
    502: 'EHOSTUNREACH',
    503: 'EHOSTUNREACH',
    504: 'ETIMEDOUT',
  });
  assert.doesNotMatch(failure('HTTP/1.1 403 words of the proxy\r\n\r\n').cause, /words/);
});

for (const garbage of [
  'SSH-2.0-OpenSSH\r\n',
  'HTTP/2 200 OK\r\n',
  'HTTP/1.1 2000 OK\r\n',
  'HTTP/1.1 600 OK\r\n',
  ' HTTP/1.1 200 OK\r\n',
  '\r\nHTTP/1.1 200 OK\r\n',
  'HTTP/1.1 200\0\r\n',
])
  test(`no tunnel opens for ${JSON.stringify(garbage)}`, () => {
    assert.equal(failure(`${garbage}\r\n`).errno, 'EPROTO');
  });

// proves: what a proxy sends before a tunnel is bounded
test('all heads together are bounded', () => {
  const endless = `HTTP/1.1 100 Continue\r\n\r\n`.repeat(MAX_PROXY_HEAD_BYTES / 20);
  assert.match(failure(endless).cause, /headers/);
  assert.match(failure(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(MAX_PROXY_HEAD_BYTES)}`).cause, /headers/);
});
