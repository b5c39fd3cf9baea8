import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket is disconnected and connected to another peer',
  program: 'connect-again.py',
  without: ['seccomp.connect', 'landlock'],
  refused: ({ findings }) => {
    for (const attempt of ['unspec', 'connect', 'unspec_high', 'connect_high']) {
      assert.equal(findings.get(attempt), 'EACCES', attempt);
    }
  },
});
