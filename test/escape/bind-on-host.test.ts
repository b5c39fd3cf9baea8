import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.bind
// proves: whose socket it is, by its network namespace
// proves: a socket of the host's is not bound
hostile({
  name: 'A handed-over socket is bound to a port of the host',
  program: 'bind-on-host.py',
  without: ['seccomp.connect', 'seccomp.bind', 'seccomp.listen', 'landlock'],
  kernelMayRefuse: { step: 'listen after a disconnect', finding: 'listen' },
  refused: ({ egress, findings }) => {
    for (const attempt of ['bind', 'bind_high', 'listen'])
      assert.equal(findings.get(attempt), 'EACCES', attempt);
    assert.equal(findings.get('bind_datagram'), egress === 'channel' ? 'EACCES' : 'ok');
  },
  open: ({ findings, forbidden }) => {
    assert.equal(findings.get('bind'), 'ok');
    assert.match(forbidden, /connection/);
  },
});
