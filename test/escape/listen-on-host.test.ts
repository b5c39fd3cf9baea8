import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket listens on the host',
  program: 'listen-on-host.py',
  // seccomp.connect too, since the socket has to be disconnected first; Landlock does not see a listen without a bind.
  without: ['seccomp.connect', 'seccomp.listen'],
  refused: ({ findings }) => {
    assert.equal(findings.get('listen'), 'EACCES');
    assert.equal(findings.get('listen_high'), 'EACCES');
  },
});
hostile({
  name: 'A disconnected socket of the host listens',
  program: 'listen-on-host.py',
  without: ['seccomp'],
});
