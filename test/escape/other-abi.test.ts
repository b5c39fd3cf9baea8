// proves: G3
// proves: G4
// proves: G22
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'The filter is passed by another ABI',
  program: 'other-abi.py',
  without: ['seccomp', 'landlock'],
  refused: ({ findings }) => {
    for (const [attempt, outcome] of findings)
      if (attempt !== 'ready') assert.equal(outcome, 'ENOSYS', attempt);
  },
  open: ({ findings, forbidden }) => {
    if (process.arch === 'x64') {
      assert.equal(findings.get('i386_getpid'), 'ok');
      assert.equal(findings.get('i386_socketcall_pacing'), 'ok');
      assert.match(forbidden, /connection/);
    }
  },
});
