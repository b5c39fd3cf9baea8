import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket lists the interfaces of the host',
  program: 'interface-ioctls.py',
  without: ['seccomp.ioctl_interfaces', 'seccomp.ioctl_terminal'],
  refused: ({ findings }) => {
    for (const attempt of ['ifconf', 'ifconf_high', 'all', 'sti', 'sti_high', 'linux']) {
      assert.equal(findings.get(attempt), 'EPERM', attempt);
    }
  },
  open: ({ findings }) => {
    assert.equal(findings.get('ifconf'), 'ok');
    // Without the filter the kernel answers that /dev/null is not a terminal.
    assert.notEqual(findings.get('sti'), 'EPERM');
  },
});
