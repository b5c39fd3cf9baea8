import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headProblem, outgoingHeaders, type RequestHead } from '../../sandbox/gateway/request-head.js';

const PLACE = { host: 'api.example.com', port: 443 };
const HEAD: RequestHead = {
  ...{ version: '1.1', method: 'GET', target: '/', authority: undefined, scheme: undefined },
  headers: [['Host', 'api.example.com']],
};

/** The reason for which a head is refused. */
function refused(
  change: Partial<RequestHead>,
  sni: string | undefined = PLACE.host,
  port = 443,
): string | undefined {
  return headProblem({ ...HEAD, ...change }, { ...PLACE, port }, sni)?.reason;
}

const withHeaders = (...headers: readonly (readonly [string, string])[]): Partial<RequestHead> => ({
  headers: [...HEAD.headers, ...headers],
});

test('a head with one meaning, for the host of its connection, passes', () => {
  assert.equal(refused({}), undefined);
  assert.equal(refused({ headers: [['HOST', 'API.example.com:443']] }, 'API.example.com'), undefined);
  assert.equal(refused({ headers: [['host', 'api.example.com:8443']] }, PLACE.host, 8443), undefined);
  assert.equal(refused(withHeaders(['content-length', '5'])), undefined);
  assert.equal(refused(withHeaders(['Transfer-Encoding', 'Chunked'])), undefined);
  assert.equal(refused({ version: '2.0', authority: PLACE.host, scheme: 'https', headers: [] }), undefined);
});

// proves: gateway: a method in other letters is refused
test('a method in other letters is refused: clients write capitals, so another one would be sent', () => {
  for (const method of ['delete', 'Get', 'connect', '*', '', 'GET ', 'G\u00e9T', 'A'.repeat(33)])
    assert.equal(refused({ method }), 'bad_request', method);
  for (const method of ['M-SEARCH', 'VERSION-CONTROL', 'PATCH'])
    assert.equal(refused({ method }), undefined, method);
});

// The parsers refuse most of these before. This is the second look.
// proves: gateway: CONNECT is refused
test('CONNECT is refused, whatever its target', () => {
  assert.equal(refused({ method: 'CONNECT', target: '/' }), 'bad_request');
});

// proves: gateway: a body with two lengths is refused
test('a body with two lengths is refused', () => {
  assert.equal(
    refused(withHeaders(['content-length', '5'], ['transfer-encoding', 'chunked'])),
    'bad_request',
  );
});

test('an odd framing, target, header or host is refused', () => {
  const odd: readonly Partial<RequestHead>[] = [
    withHeaders(['content-length', '5'], ['Content-Length', '5']),
    withHeaders(['transfer-encoding', 'chunked'], ['transfer-encoding', 'chunked']),
    withHeaders(['transfer-encoding', 'gzip, chunked']),
    withHeaders(['content-length', '+5']),
    withHeaders(['content-length', '']),
    withHeaders(['x-a', 'b\r\nc: d']),
    withHeaders(['x a', 'b']),
    withHeaders(['host', PLACE.host]),
    { headers: [] },
    { version: '1.0' },
    { version: '2.0', authority: PLACE.host, scheme: 'http', headers: [] },
  ];
  for (const change of odd) assert.equal(refused(change), 'bad_request', JSON.stringify(change));
  for (const target of ['', '*', 'a', 'https://api.example.com/', '/a b', '/\u00e9', '/a#b', '/a\t'])
    assert.equal(refused({ target }), 'bad_request', target);
});

test('another host, port, authority or name of the handshake is a mismatch', () => {
  for (const host of [
    'other.example.com',
    'api.example.com.',
    'api.example.com:8443',
    'a@api.example.com',
    '',
  ])
    assert.equal(refused({ headers: [['host', host]] }), 'host_mismatch', host);
  assert.equal(refused({ ...HEAD, authority: 'other.example.com' }), 'host_mismatch');
  for (const sni of ['other.example.com', '']) assert.equal(refused({}, sni), 'host_mismatch', sni);
  assert.equal(headProblem(HEAD, PLACE, undefined)?.reason, 'host_mismatch');
});

test('a request whose secret is missing has no headers to go out with', () => {
  const settings = { set: [], secrets: new Map(), searched: false, ruled: false };
  const placeholders = [{ token: 'postern_token', secret: 'gone', headers: ['x-key'] }];
  assert.equal(
    outgoingHeaders([['X-Key', 'postern_token']], { ...settings, placeholders }),
    'secret_missing',
  );
  assert.deepEqual(outgoingHeaders([['X-Key', 'other']], { ...settings, placeholders }), {
    headers: [['X-Key', 'other']],
    injected: 0,
  });
});

// proves: gateway: what placeholders make of headers is bounded
test('placeholders make no headers that are too long', () => {
  const placeholders = [{ token: 'postern_token', secret: 'long', headers: ['x-key'] }];
  const settings = { set: [], placeholders, searched: false, ruled: false };
  const secrets = new Map([['long', 'x'.repeat(3000)]]);
  const made = (count: number): unknown =>
    outgoingHeaders([['x-key', 'postern_token '.repeat(count)]], { ...settings, secrets });
  assert.notEqual(made(21), 'too_long');
  assert.equal(made(22), 'too_long');
});

// proves: gateway: a header has no second spelling
test('a header that a server could take for another one does not go on', () => {
  const placeholders = [{ token: 'postern_token', secret: 'key', headers: ['api_key'] }];
  const set = [['x_tenant', 'of the configuration']] as const;
  const secrets = new Map([['key', 'the-secret']]);
  const names = ['X_HTTP_Method_Override', 'x.tenant', 'X_Tenant', 'Accept_Encoding', 'api_key', 'x-own'];
  assert.deepEqual(
    outgoingHeaders(
      names.map((name) => [name, 'postern_token']),
      { set, placeholders, secrets, searched: false, ruled: false },
    ),
    {
      headers: [
        ['api_key', 'the-secret'],
        ['x-own', 'postern_token'],
        ['x_tenant', 'of the configuration'],
      ],
      // The one that is set has no secret.
      injected: 1,
    },
  );
});

// proves: gateway: an answer that is searched comes whole
test('a part of an answer is asked for only if answers are not searched', () => {
  const asked = (searched: boolean): readonly string[] => {
    const settings = { set: [], placeholders: [], secrets: new Map(), searched, ruled: false };
    const out = outgoingHeaders(
      ['Range', 'If-Range', 'Request-Range', 'x-ms-range', 'x-own'].map((name) => [name, 'bytes=0-25']),
      settings,
    );
    return typeof out === 'string' ? [] : out.headers.map(([name]) => name);
  };
  assert.deepEqual(asked(true), ['x-own', 'accept-encoding']);
  assert.deepEqual(asked(false), ['Range', 'If-Range', 'Request-Range', 'x-ms-range', 'x-own']);
});
