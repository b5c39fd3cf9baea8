import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket is turned by its options',
  program: 'socket-options.py',
  without: ['seccomp.setsockopt'],
  refused: ({ findings }) => {
    assert.equal(findings.get('passed'), 'none');
    assert.equal(findings.get('broken'), 'none');
  },
  open: ({ findings }) => {
    const passed = findings.get('passed') ?? '';
    for (const option of ['TCP_FASTOPEN_CONNECT', 'IP_OPTIONS', 'SO_LINGER', 'IP_PKTINFO']) {
      assert.match(passed, new RegExp(`\\b${option}\\b`));
    }
  },
});
