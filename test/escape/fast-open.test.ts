import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

const CALLS = [
  'sendto',
  'sendto_high',
  'sendto_more',
  'sendmsg',
  'sendmsg_high',
  'sendmmsg',
  'sendmmsg_high',
];

// proves: seccomp.fastopen
hostile({
  name: 'A handed-over socket is connected elsewhere by MSG_FASTOPEN',
  program: 'fast-open.py',
  // seccomp.connect too, since the socket has to be disconnected first. Landlock stays: it does not see this connect.
  without: ['seccomp.connect', 'seccomp.fastopen', 'landlock'],
  refused: ({ findings }) => {
    for (const call of [...CALLS, 'own']) assert.equal(findings.get(call), 'EOPNOTSUPP', call);
  },
});
