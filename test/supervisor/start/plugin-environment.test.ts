import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluginEnvironment } from '../../../sandbox/supervisor/start/plugin-environment.js';

test('pluginEnvironment() passes certificate variables only where their file shows', () => {
  const outside = { SSL_CERT_FILE: '/etc/ssl/cert.pem', AWS_SECRET: 'x', POSTERN_OTHER: 'x' };
  const channel = { request: 3, reply: 4, listeners: [] };
  assert.ok(pluginEnvironment(outside, {}, () => true, channel).includes('SSL_CERT_FILE=/etc/ssl/cert.pem'));
  const hidden = pluginEnvironment(outside, {}, () => false, channel);
  assert.ok(!hidden.some((entry) => /SSL_CERT_FILE|AWS_SECRET|POSTERN_OTHER/.test(entry)));
});
