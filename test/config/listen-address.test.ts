import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readListenAddress } from '../../shared/config/listen-address.js';
import { parseListen, resolveListeners } from '../../shared/config/resolve-listeners.js';

const V6 = (last: number): Uint8Array => Uint8Array.from([...Array(15).fill(0), last]);

test('readListenAddress() reads addresses of both families, port 0 and every address included', () => {
  const cases: readonly (readonly [string, Uint8Array, number])[] = [
    ['127.0.0.1:8080', Uint8Array.of(127, 0, 0, 1), 8080],
    ['0.0.0.0:80', new Uint8Array(4), 80],
    ['127.0.0.1:0', Uint8Array.of(127, 0, 0, 1), 0],
    ['10.1.2.3:65535', Uint8Array.of(10, 1, 2, 3), 65_535],
    ['[::1]:8080', V6(1), 8080],
    ['[::]:80', V6(0), 80],
    ['[0:0::0:1]:1', V6(1), 1],
  ];
  for (const [text, bytes, port] of cases)
    assert.deepEqual(readListenAddress(text), { ok: true, address: { kind: 'tcp', bytes, port } }, text);
});

test('readListenAddress() takes what has a slash in it for a path, of at most 107 bytes', () => {
  for (const path of ['/run/web.sock', './web.sock', 'run/web.sock', '/run/a=b:80', `/${'x'.repeat(106)}`])
    assert.deepEqual(readListenAddress(path), { ok: true, address: { kind: 'unix', path } }, path);
  for (const path of [`/${'x'.repeat(107)}`, `/${'ä'.repeat(54)}`, '/run/', '/run/\0'])
    assert.ok(!readListenAddress(path).ok, path);
});

test('readListenAddress() refuses the rest, and suggests what was probably meant', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['localhost:80', '127.0.0.1:80'],
    ['LocalHost:80', '127.0.0.1:80'],
    ['example.com:80', undefined],
    ['8080', '127.0.0.1:8080'],
    [':8080', '127.0.0.1:8080'],
    ['*:8080', '0.0.0.0:8080'],
    ['::1:8080', '[::1]:8080'],
    ['2001:db8::1:80', '[2001:db8::1]:80'],
    ['::1', '[::1]:8080'],
    ['[::1]', '[::1]:8080'],
    ['127.0.0.1', '127.0.0.1:8080'],
    ['[127.0.0.1]:80', '127.0.0.1:80'],
    ['[::ffff:127.0.0.1]:80', '127.0.0.1:80'],
    ['[fe80::1]:80', undefined],
    ['[fe80::1%eth0]:80', undefined],
    ['[example.com]:80', undefined],
    ['127.0.0.1:65536', undefined],
    ['127.0.0.1:080', undefined],
    ['127.0.0.1:-1', undefined],
    ['127.0.0.1:', undefined],
    ['127.0.0.1:http', undefined],
    ['127.1:80', undefined],
    ['0x7f.0.0.1:80', undefined],
    ['127.0.0.1:80 ', undefined],
    ['web.sock', './web.sock'],
    ['@abstract', undefined],
    ['\0abstract', undefined],
    ['tcp://127.0.0.1:80', '127.0.0.1:80'],
    ['http://127.0.0.1:80/', '127.0.0.1:80'],
    ['unix:/run/web.sock', '/run/web.sock'],
    ['unix:///run/web.sock', '/run/web.sock'],
    ['', undefined],
  ];
  for (const [text, suggestion] of cases) {
    const read = readListenAddress(text);
    assert.ok(!read.ok, text);
    assert.match(read.message, /^Cannot listen on "/);
    assert.equal(read.suggestion, suggestion, text);
    if (suggestion !== undefined) assert.ok(readListenAddress(suggestion).ok, suggestion);
  }
});

test('parseListen() splits at the first = and suggests a name where there is none', () => {
  assert.deepEqual(parseListen('web=/run/a=b'), { ok: true, listen: { name: 'web', address: '/run/a=b' } });
  for (const [text, suggestion] of [
    ['127.0.0.1:80', 'main=127.0.0.1:80'],
    ['80', 'main=127.0.0.1:80'],
    ['web', 'main=./web'],
    ['', 'main=127.0.0.1:8080'],
  ] as const) {
    const parsed = parseListen(text);
    assert.ok(!parsed.ok && parsed.suggestion === suggestion, text);
  }
});

test('resolveListeners() makes paths absolute and finds every bad or repeated name and address', () => {
  assert.deepEqual(resolveListeners([{ name: 'a.B_c-1', address: './x.sock' }], '/srv/app'), {
    ok: true,
    listeners: [{ name: 'a.B_c-1', address: '/srv/app/x.sock' }],
  });
  const bad = resolveListeners(
    [
      { name: 'a:b', address: '127.0.0.1:1' },
      { name: 'web', address: '127.0.0.1:2' },
      { name: 'web', address: 'localhost:3' },
      { name: 'x'.repeat(65), address: '127.0.0.1:4' },
      { name: '', address: './x' },
      { name: 'deep', address: './x.sock' },
    ],
    `/${'y'.repeat(104)}`,
  );
  assert.ok(!bad.ok);
  assert.deepEqual(
    bad.problems.map(({ index, field }) => `${index} ${field}`),
    ['0 name', '2 name', '2 address', '3 name', '4 name', '5 address'],
  );
  const many = Array.from({ length: 65 }, (_, index) => ({ name: `n${index}`, address: './x' }));
  assert.ok(resolveListeners(many.slice(1), '/').ok);
  assert.ok(!resolveListeners(many, '/').ok);
});
