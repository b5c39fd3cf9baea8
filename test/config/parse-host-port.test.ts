import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHostPort } from '../../shared/config/parse-host-port.js';

test('parseHostPort() reads HOST:PORT and refuses the rest', () => {
  assert.deepEqual(parseHostPort('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 });
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 });
  for (const bad of ['9464', ':9464', '::1:9464', 'a:b', '127.0.0.1:70000', ''])
    assert.equal(parseHostPort(bad), undefined, bad);
});
