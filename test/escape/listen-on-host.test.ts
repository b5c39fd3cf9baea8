// proves: G2
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.listen
// proves: whose socket it is, by its network namespace
// proves: a socket of the host's does not listen
hostile({
  name: 'A handed-over socket listens on the host',
  program: 'listen-on-host.py',
  // seccomp.connect too, since the socket has to be disconnected first; Landlock does not see a listen without a bind.
  without: ['seccomp.connect', 'seccomp.listen'],
  kernelMayRefuse: { step: 'listen after a disconnect', finding: 'listen' },
  refused: ({ findings }) => {
    assert.equal(findings.get('listen'), 'EACCES');
    assert.equal(findings.get('listen_high'), 'EACCES');
  },
});
// proves: seccomp.listen
// proves: whose socket it is, by its network namespace
// proves: a socket of the host's does not listen
hostile({
  name: 'A disconnected socket of the host listens',
  program: 'listen-on-host.py',
  without: ['seccomp'],
  kernelMayRefuse: { step: 'listen after a disconnect', finding: 'listen' },
});
