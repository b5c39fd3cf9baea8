// proves: G3
// proves: G12
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'An inherited listener is turned into a client',
  program: 'listener-as-client.py',
  listens: true,
  without: ['seccomp.connect', 'landlock'],
  kernelMayRefuse: { step: 'connect of an ended listener', finding: 'connect' },
  refused: ({ findings, egress }) => {
    for (const attempt of ['listening', 'unspec', 'unspec_high'])
      assert.equal(findings.get(attempt), egress === 'channel' ? 'EACCES' : 'EISCONN', attempt);
    assert.equal(findings.get('connect'), 'EACCES');
    assert.equal(findings.get('listens'), '0', 'shutdown(2) is no call that a filter can refuse');
    assert.equal(findings.get('fastopen'), 'EOPNOTSUPP');
    assert.equal(findings.get('fastopen_high'), 'EOPNOTSUPP');
    assert.equal(findings.get('sendto'), 'EPIPE');
    assert.equal(findings.get('option'), 'EPERM');
  },
});
hostile({
  name: 'An inherited listener that was shut down connects by MSG_FASTOPEN',
  program: 'listener-as-client.py',
  listens: true,
  // Landlock of some kernels sees this connect too.
  without: ['seccomp.fastopen', 'landlock'],
  kernelMayRefuse: { step: 'connect of an ended listener', finding: 'fastopen' },
});
