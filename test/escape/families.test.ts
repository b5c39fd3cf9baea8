import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

hostile({
  name: 'A socket of another address family is opened',
  program: 'families.py',
  without: ['seccomp.families'],
  refused: ({ findings }) => {
    assert.equal(findings.get('strange'), 'none');
    assert.equal(findings.get('inet'), '1/0 2/0', 'TCP and UDP of IPv4 and IPv6; ping sockets want a group');
    assert.equal(findings.get('netlink'), '0');
    assert.equal(findings.get('pairs'), '1');
    assert.equal(findings.get('vsock'), 'EPERM');
  },
  open: ({ findings }) => {
    assert.match(findings.get('strange') ?? '', /\b40\b/, 'AF_VSOCK');
    assert.match(findings.get('inet') ?? '', /1\/262/, 'MPTCP');
  },
});
