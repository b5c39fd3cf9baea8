// proves: G22
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.io_uring
hostile({
  name: 'A handed-over socket is turned by io_uring',
  program: 'io-uring.py',
  without: ['seccomp.io_uring', 'landlock'],
  refused: ({ findings }) => {
    assert.equal(findings.get('setup'), 'ENOSYS');
    assert.equal(findings.get('enter'), 'ENOSYS');
  },
});
