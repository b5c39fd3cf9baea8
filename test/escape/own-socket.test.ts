// proves: G1
// proves: G2
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A socket of the program itself connects',
  program: 'own-socket.py',
  without: ['seccomp.connect', 'landlock'],
  refused: ({ findings, egress }) => {
    // The broker connects it to the sandbox's own loopback, where no program listens.
    for (const attempt of ['connect', 'connect_mapped'])
      assert.equal(findings.get(attempt), egress === 'channel' ? 'EACCES' : 'ECONNREFUSED', attempt);
    assert.equal(findings.get('connect_unix'), egress === 'channel' ? 'EACCES' : 'ECONNREFUSED');
  },
  // Its network namespace has only a loopback, so even then nothing outside hears it.
  open: ({ findings, forbidden }) => {
    assert.equal(findings.get('connect'), 'ECONNREFUSED');
    assert.equal(findings.get('interfaces'), 'lo');
    assert.equal(findings.get('routes'), '1', 'a heading and no route');
    assert.equal(forbidden, '');
  },
});
