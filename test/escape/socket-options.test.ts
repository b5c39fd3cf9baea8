// proves: G22
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.error_reports
// proves: seccomp.received_options
// proves: seccomp.peer_label
// proves: seccomp.peer_handle
// proves: seccomp.setsockopt
// proves: trap: no close of a plugin lingers
hostile({
  name: 'A handed-over socket is turned by its options',
  program: 'socket-options.py',
  without: [
    ...['seccomp.setsockopt', 'seccomp.received_options', 'seccomp.error_reports'],
    ...['seccomp.peer_label', 'seccomp.peer_handle'],
  ],
  refused: ({ findings }) => {
    assert.equal(findings.get('passed'), 'none');
    assert.equal(findings.get('priority'), 'EPERM');
    assert.equal(findings.get('told'), 'none');
    assert.equal(findings.get('joined'), 'none');
    assert.equal(findings.get('control'), '0');
    assert.equal(findings.get('broken'), 'none');
    assert.equal(findings.get('reports'), '0');
  },
  open: ({ findings, egress }) => {
    assert.equal(findings.get('told'), 'IPV6_2292PKTOPTIONS IP_PKTOPTIONS SO_PEERPIDFD SO_PEERSEC');
    assert.equal(findings.get('reports'), '1');
    const passed = findings.get('passed') ?? '';
    // With the trap, the broker still decides on SO_LINGER.
    const lingers = egress === 'channel' ? ['SO_LINGER'] : [];
    for (const option of ['TCP_FASTOPEN_CONNECT', 'IP_OPTIONS', 'SO_MAX_PACING_RATE', ...lingers]) {
      assert.match(passed, new RegExp(`\\b${option}\\b`));
    }
  },
});
