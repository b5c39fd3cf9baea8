import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

// proves: seccomp.clone3
// proves: seccomp.setns
// proves: seccomp.mounts
// proves: seccomp.processes
// proves: seccomp.keyrings
// proves: seccomp.kernel_programs
// proves: seccomp.facts
// proves: seccomp.administration
// proves: seccomp.namespaces
// proves: seccomp.listener
// proves: seccomp.personality
hostile({
  name: 'Namespaces, mounts, other processes and the kernel are reached for',
  program: 'namespaces.py',
  // proves: launch: no user namespace inside
  without: [
    'seccomp.namespaces',
    'seccomp.clone3',
    'seccomp.setns',
    'seccomp.mounts',
    'seccomp.processes',
    'seccomp.keyrings',
    'seccomp.kernel_programs',
    'seccomp.facts',
    'seccomp.administration',
    'seccomp.personality',
    'seccomp.listener',
  ],
  refused: ({ findings }) => {
    assert.equal(findings.get('unshare'), 'EPERM');
    assert.equal(findings.get('clone'), 'EPERM');
    assert.equal(findings.get('clone3'), 'ENOSYS');
    assert.equal(findings.get('setns'), 'EPERM');
    assert.equal(findings.get('passed'), 'none');
    assert.equal(findings.get('listener'), 'EPERM');
    assert.equal(findings.get('listener_high'), 'EPERM');
    assert.equal(findings.get('fork'), 'ok');
    assert.equal(findings.get('thread_flags'), 'ok');
    assert.equal(findings.get('personality'), 'ok', 'it may be asked for');
    assert.equal(findings.get('other_personality'), 'EPERM');
  },
  open: ({ findings }) => {
    // The answers of the second layer: no user namespaces inside, no capability, an empty pointer.
    assert.match(findings.get('unshare') ?? '', /ENOSPC/);
    assert.match(findings.get('clone') ?? '', /ENOSPC/);
    assert.notEqual(findings.get('clone3'), 'ENOSYS');
    for (const call of ['open_tree', 'keyctl', 'adjtimex', 'quotactl'])
      assert.match(findings.get('passed') ?? '', new RegExp(`\\b${call}\\b`));
    assert.equal(findings.get('other_personality'), 'ok');
    assert.notEqual(findings.get('listener'), 'EPERM');
  },
});
