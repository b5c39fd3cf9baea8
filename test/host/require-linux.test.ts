import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requireLinux } from '../../sandbox/host/require-linux.js';

test('requireLinux() refuses kernels before 5.14 and accepts 5.14', () => {
  assert.throws(() => requireLinux('5.13.19-generic'), { code: 'old_kernel' });
  requireLinux('5.14.0');
  requireLinux('6.1.0-13-amd64');
});
