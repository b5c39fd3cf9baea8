import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

const KINDS = ['tcp', 'udp', 'tcp6', 'unix', 'netlink'];
const REFUSED = ['ifconf', 'ifconf_high', 'all', 'reads', 'wireless', 'encoded', 'sti', 'sti_high', 'linux'];
/** The sandbox has no other interface, and the addresses that postern gives it. */
const OWN_LIST = 'ok lo=127.0.0.1 lo=192.0.0.8';

// proves: seccomp.ioctl_interface_reads
// proves: seccomp.ioctl_interfaces
// proves: seccomp.ioctl_terminal
// proves: a request of a socket that is permitted is no other one with high bits
// proves: a socket of the host tells no interfaces
hostile({
  name: 'A handed-over socket lists the interfaces of the host',
  program: 'interface-ioctls.py',
  without: ['seccomp.ioctl_interfaces', 'seccomp.ioctl_interface_reads', 'seccomp.ioctl_terminal'],
  refused: ({ findings, egress }) => {
    const others = KINDS.map((kind) => `others_${kind}`);
    for (const attempt of [...REFUSED, ...others]) assert.equal(findings.get(attempt), 'EPERM', attempt);
    assert.equal(findings.get('host_names'), '');
    // These five tell nothing of the host, and set what F_SETOWN sets.
    assert.equal(findings.get('own'), 'ok ok ok');
    assert.equal(findings.get('owner'), 'ok True ok True');
    assert.equal(findings.get('mark'), 'ok 0');
    assert.match(findings.get('owners') ?? '', /^own( own)*$/);
    const answered = egress === 'transparent';
    for (const kind of KINDS) {
      assert.equal(findings.get(`list_${kind}`), answered ? OWN_LIST : 'EPERM', kind);
      assert.equal(findings.get(`names_${kind}`), answered ? '1=lo' : '', kind);
    }
    assert.equal(findings.get('no_socket'), answered ? 'ENOTTY EBADF' : 'EPERM EPERM');
    assert.equal(findings.get('memory'), answered ? 'EFAULT EFAULT EFAULT' : 'EPERM EPERM EPERM');
  },
  open: ({ findings }) => {
    assert.equal(findings.get('ifconf'), 'ok');
    assert.match(findings.get('host_names') ?? '', /\b1=lo\b/);
    assert.equal(findings.get('encoded'), 'ENOTTY');
    // Without the filter the kernel answers that /dev/null is not a terminal.
    assert.notEqual(findings.get('sti'), 'EPERM');
  },
});
