import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket is turned by its options',
  program: 'socket-options.py',
  without: ['seccomp.setsockopt', 'seccomp.received_options', 'seccomp.peer_label', 'seccomp.peer_handle'],
  refused: ({ findings }) => {
    assert.equal(findings.get('passed'), 'none');
    assert.equal(findings.get('told'), 'none');
    assert.equal(findings.get('broken'), 'none');
  },
  open: ({ findings }) => {
    assert.equal(findings.get('told'), 'IPV6_2292PKTOPTIONS IP_PKTOPTIONS SO_PEERPIDFD SO_PEERSEC');
    const passed = findings.get('passed') ?? '';
    for (const option of ['TCP_FASTOPEN_CONNECT', 'IP_OPTIONS', 'SO_LINGER', 'IP_PKTINFO']) {
      assert.match(passed, new RegExp(`\\b${option}\\b`));
    }
  },
});
