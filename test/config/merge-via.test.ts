import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergeVia } from '../../shared/config/load-config.js';
import { readProxyUrl } from '../../shared/config/proxy-url.js';
import type { ViaConfig, WrittenVia } from '../../shared/config/via-config.js';

const merge = (plugin?: WrittenVia, defaults?: WrittenVia): ViaConfig | undefined =>
  mergeVia(plugin, defaults, (path) => `/etc/${path}`);
const DEFAULTS = { proxy: 'http://proxy.example.com:3128', credentials_file: 'secret' } as const;

test('a plugin without via has that of defaults', () => {
  assert.equal(merge(), undefined);
  assert.deepEqual(merge(undefined, DEFAULTS), {
    proxy: { kind: 'http', host: 'proxy.example.com', port: 3128 },
    credentialsFile: '/etc/secret',
    resolve: 'host',
    direct: [],
    mark: undefined,
    source: [],
    resolvers: [],
  });
});

// proves: a plugin's own proxy does not get the credentials of another
test('credentials go with the proxy of their own map, and to no other', () => {
  const other = merge({ proxy: 'socks5://[2001:db8::1]:1080' }, DEFAULTS);
  assert.deepEqual(other?.proxy, { kind: 'socks5', host: '2001:db8::1', port: 1080 });
  assert.equal(other?.credentialsFile, undefined);
  const none = merge({ proxy: 'none' }, DEFAULTS);
  assert.deepEqual([none?.proxy, none?.credentialsFile], [undefined, undefined]);
  assert.equal(merge({ resolve: 'both' }, DEFAULTS)?.credentialsFile, '/etc/secret');
});

test('a plugin adds resolvers and what goes around the proxy, and replaces single values', () => {
  const { resolve, direct, mark, source, resolvers } =
    merge(
      { direct: ['10.0.0.0/8'], source: '192.0.2.1', mark: 42, resolvers: ['192.0.2.53'] },
      {
        resolve: 'both',
        direct: ['*.example.com'],
        mark: 7,
        source: ['192.0.2.2', '2001:db8::2'],
        resolvers: ['192.0.2.54'],
      },
    ) ?? {};
  assert.deepEqual(direct, ['*.example.com', '10.0.0.0/8']);
  assert.deepEqual(
    [resolve, mark, source, resolvers],
    ['both', 42, ['192.0.2.1'], ['192.0.2.54', '192.0.2.53']],
  );
});

test('the URL of a proxy is read strictly, and its message never has what stands before an @', () => {
  const host = (text: string): string | undefined => {
    const read = readProxyUrl(text);
    return read.ok ? `${read.proxy.kind} ${read.proxy.host} ${read.proxy.port}` : undefined;
  };
  assert.equal(host('http://Proxy.Example.com:3128/'), 'http proxy.example.com 3128');
  assert.equal(host('SOCKS5://127.0.0.1:1080'), 'socks5 127.0.0.1 1080');
  for (const text of [
    'http://proxy.example.com',
    'http://proxy.example.com:0',
    'http://proxy.example.com:65536',
    'http://proxy.example.com:3128/path',
    'http://proxy.example.com:3128?x',
    'http://127.1:3128',
    'http://a b:3128',
    'socks5h://proxy.example.com:1080',
    '',
  ])
    assert.equal(host(text), undefined, text);
  assert.doesNotMatch(JSON.stringify(readProxyUrl('http://one:other@proxy.example.com:1')), /one:|:other/);
});
