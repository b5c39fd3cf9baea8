// proves: G4
// proves: G10
import assert from 'node:assert/strict';
import { LANDLOCK_UNIX, landlockVersion } from '../../shared/sys/landlock.js';
import { hostile } from './hostile.js';

const kept = landlockVersion() >= LANDLOCK_UNIX;
/** Landlock refuses the addresses instead, see datagrams.test.ts. */
const datagram = kept ? 'ok' : 'EPERM';
const REFUSED: Readonly<Record<string, string>> = {
  splice: 'EINVAL',
  tee: 'EINVAL',
  vmsplice: 'EINVAL',
  sendfile: 'EINVAL',
  parent: 'EPERM',
  parent_high: 'EPERM',
  fchmod: 'EPERM',
  fchmod_group: 'EPERM',
  fchmodat: 'EPERM',
  openat: 'EPERM',
  tmpfile: 'EPERM',
  openat2: 'ENOSYS',
  ordinary: 'ok',
  datagram,
  raw: 'EPERM',
  datagram_high: datagram,
};

// proves: seccomp.splice
// proves: seccomp.openat2
// proves: seccomp.clone_parent
// proves: seccomp.set_uid_files
hostile({
  name: 'A lock of a shared pipe, a child of the supervisor, set-uid files and datagrams to paths',
  program: 'hold-pipe.py',
  // Not seccomp.clone_parent: without it this run itself would not end.
  without: ['seccomp.splice', 'seccomp.set_uid_files', 'seccomp.openat2', 'seccomp.families'],
  refused: ({ findings, egress }) => {
    // With `transparent` it is a pair of packet sockets.
    assert.equal(findings.get('datagram_pair'), egress === 'transparent' ? 'ok' : datagram);
    for (const [attempt, outcome] of Object.entries(REFUSED))
      assert.equal(findings.get(attempt), outcome, attempt);
  },
  open: ({ findings }) => {
    for (const attempt of ['fchmod', 'fchmodat', 'openat', 'datagram', 'datagram_pair']) {
      assert.equal(findings.get(attempt), 'ok', attempt);
    }
    assert.notEqual(findings.get('splice'), 'EINVAL');
    assert.notEqual(findings.get('sendfile'), 'EINVAL');
    assert.notEqual(findings.get('openat2'), 'ENOSYS');
  },
});
