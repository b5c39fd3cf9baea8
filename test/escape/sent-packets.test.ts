import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.error_queue
// proves: a read of the error queue is reported, and gets no entry
hostile({
  name: 'A handed-over socket gives back the packets that it sent',
  program: 'sent-packets.py',
  // Each egress has one of them.
  without: ['seccomp.error_queue', 'reported_error_queue'],
  refused: ({ findings }) => assert.equal(findings.get('packets'), 'none'),
  open: ({ findings }) => assert.equal(findings.get('packets'), 'with headers'),
});
