import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// A broker that was taken over can give a plugin the descriptor by which calls are answered, of its own sandbox or of a neighbour's.
// proves: seccomp.ioctl_listener
hostile({
  name: 'A request to a listener for reported calls',
  program: 'listener-requests.py',
  without: ['seccomp.ioctl_listener'],
  refused: ({ findings }) => {
    const refused = [...findings].filter(([name]) => name.startsWith('no_'));
    assert.equal(refused.length, 8);
    for (const [name, outcome] of refused) assert.equal(outcome, 'EPERM', name);
  },
  open: ({ findings }) => assert.equal(findings.get('no_answer'), 'ENOTTY'),
});
