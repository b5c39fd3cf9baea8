import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A handed-over socket lists the interfaces of the host',
  program: 'interface-ioctls.py',
  without: ['seccomp.ioctl_interfaces', 'seccomp.ioctl_terminal'],
  refused: ({ findings }) => {
    for (const attempt of [
      'ifconf',
      'ifconf_high',
      'all',
      'wireless',
      'encoded',
      'sti',
      'sti_high',
      'linux',
    ]) {
      assert.equal(findings.get(attempt), 'EPERM', attempt);
    }
    // These five tell nothing of the host, and set what F_SETOWN sets.
    assert.equal(findings.get('own'), 'ok ok ok');
    assert.equal(findings.get('owner'), 'ok True ok True');
    assert.equal(findings.get('mark'), 'ok 0');
    assert.match(findings.get('owners') ?? '', /^own( own)*$/);
  },
  open: ({ findings }) => {
    assert.equal(findings.get('ifconf'), 'ok');
    assert.equal(findings.get('encoded'), 'ENOTTY');
    // Without the filter the kernel answers that /dev/null is not a terminal.
    assert.notEqual(findings.get('sti'), 'EPERM');
  },
});
