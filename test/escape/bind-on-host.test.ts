import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket is bound to a port of the host',
  program: 'bind-on-host.py',
  without: ['seccomp.connect', 'seccomp.bind', 'seccomp.listen', 'landlock'],
  refused: ({ findings }) => {
    for (const attempt of ['bind', 'bind_high', 'listen'])
      assert.equal(findings.get(attempt), 'EACCES', attempt);
  },
  open: ({ findings, forbidden }) => {
    assert.equal(findings.get('bind'), 'ok');
    assert.match(forbidden, /connection/);
  },
});
