// proves: G2
// proves: G12
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: a socket of the host's does not listen
hostile({
  name: 'An inherited listener listens on another port of the host',
  program: 'listener-elsewhere.py',
  listens: true,
  // Landlock stays: it does not see a listen without a bind.
  without: ['seccomp.listen'],
  refused: ({ findings, egress }) => {
    // Node and asyncio call listen(2) on an inherited listener.
    assert.equal(findings.get('again'), egress === 'channel' ? 'EACCES' : 'ok');
    for (const attempt of ['bind', 'bind_shut', 'bind_high', 'listen', 'listen_high'])
      assert.equal(findings.get(attempt), 'EACCES', attempt);
  },
});
// proves: a socket of the host's does not listen
hostile({
  name: 'An inherited listener is bound to another port of the host',
  program: 'listener-elsewhere.py',
  listens: true,
  without: ['seccomp.bind', 'seccomp.listen', 'landlock'],
  open: ({ findings, forbidden }) => {
    assert.equal(findings.get('bind_shut'), 'ok');
    assert.match(forbidden, /connection/);
  },
});
