import assert from 'node:assert/strict';
import { test } from 'node:test';
import { npmVariables, pluginEnvironment } from '../../../sandbox/supervisor/start/plugin-environment.js';

test('pluginEnvironment() passes certificate variables only where their file shows', () => {
  const outside = { SSL_CERT_FILE: '/etc/ssl/cert.pem', AWS_SECRET: 'x', POSTERN_OTHER: 'x' };
  const channel = { request: 3, reply: 4, listeners: [] };
  assert.ok(pluginEnvironment(outside, {}, () => true, channel).includes('SSL_CERT_FILE=/etc/ssl/cert.pem'));
  const hidden = pluginEnvironment(outside, {}, () => false, channel);
  assert.ok(!hidden.some((entry) => /SSL_CERT_FILE|AWS_SECRET|POSTERN_OTHER/.test(entry)));
});

test('npmVariables() has npm give up at once where the rules do not open its registry', () => {
  const rules = { allow: ['api.example.com'], deny: [], mode: 'enforce', unknown: 'deny' } as const;
  const none = { npm_config_fetch_retries: '0' };
  assert.deepEqual(npmVariables(rules), none);
  assert.deepEqual(npmVariables({ ...rules, allow: [] }), none);
  assert.deepEqual(npmVariables({ ...rules, allow: ['registry.npmjs.org:8443'] }), none);
  assert.deepEqual(npmVariables({ ...rules, allow: ['*.npmjs.org'], deny: ['registry.npmjs.org'] }), none);
  for (const open of ['registry.npmjs.org', '*.npmjs.org', '*'])
    assert.deepEqual(npmVariables({ ...rules, allow: [open] }), {}, open);
  assert.deepEqual(npmVariables({ ...rules, mode: 'audit' }), {});
  assert.deepEqual(npmVariables({ ...rules, unknown: 'ask' }), {});
});
