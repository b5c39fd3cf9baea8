import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetcherConfig, fetchPolicy } from '../../../sandbox/supervisor/policy/fetch-policy.js';
import type { PolicyConfig } from '../../../shared/config/policy-config.js';
import { saying } from '../requester/own-process.js';

const POLICY: PolicyConfig = {
  ...{ url: 'https://policy.example.com/x.yaml?token=1', pollMs: 1000, publicKey: '/etc/key.pem' },
  ...{ addresses: ['10.1.2.3:443'], via: undefined },
};
const CONFIG = fetcherConfig(POLICY);

test('the process that fetches a policy may connect to its server', () =>
  assert.deepEqual(CONFIG.allow, ['policy.example.com:443', '10.1.2.3:443']));

test('fetchPolicy() gives what the server has, and takes no other answer for a policy', async () => {
  const start = saying('{"part":"YWJj"}\n{"status":200,"headers":{"etag":"\\"1\\""}}\n');
  assert.deepEqual(await fetchPolicy(start, CONFIG, POLICY.url, '"0"'), {
    ...{ kind: 'policy', etag: '"1"', bytes: Buffer.from('abc') },
  });
  const [settings, request] = (await start.heard).map((line) => JSON.parse(line));
  assert.equal(settings.url, POLICY.url);
  assert.deepEqual([request.method, request.path], ['GET', '/x.yaml?token=1']);
  assert.deepEqual(request.headers, { 'if-none-match': '"0"' });
  const answers: readonly (readonly [words: string, etag: string | undefined, kind: string])[] = [
    ['{"status":304,"headers":{}}', '"1"', 'same'],
    ['{"status":304,"headers":{}}', undefined, 'unavailable'],
    ['{"status":404,"headers":{}}', undefined, 'unavailable'],
    ['{"status":200,"headers":{"content-encoding":"gzip"}}', undefined, 'unavailable'],
    ['{"problem":"refused"}', undefined, 'unavailable'],
    ['', undefined, 'unavailable'],
  ];
  for (const [words, etag, kind] of answers)
    assert.equal((await fetchPolicy(saying(`${words}\n`), CONFIG, POLICY.url, etag)).kind, kind, words);
  const bad = saying('{"status":200,"headers":{"etag":"a\\r\\nb"}}\n');
  const fetched = await fetchPolicy(bad, CONFIG, POLICY.url, undefined);
  assert.deepEqual(fetched.kind === 'policy' && fetched.etag, undefined);
});
