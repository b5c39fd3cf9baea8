import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.connect
// proves: whose socket it is, by its network namespace
// proves: a socket of the host's keeps its peer
hostile({
  name: 'A handed-over socket is disconnected and connected to another peer',
  program: 'connect-again.py',
  without: ['seccomp.connect', 'landlock'],
  refused: ({ findings, egress }) => {
    const channel = egress === 'channel';
    for (const attempt of ['unspec', 'unspec_high', 'connect', 'connect_high'])
      assert.equal(findings.get(attempt), channel ? 'EACCES' : 'EISCONN', attempt);
    for (const attempt of ['peer', 'peer_high']) assert.equal(findings.get(attempt), 'allowed', attempt);
  },
});
