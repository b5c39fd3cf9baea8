import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

/** As on a kernel without them. A raw socket needs a capability. */
const ERRNOS = {
  AF_PACKET: 'EPERM',
  AF_VSOCK: 'EAFNOSUPPORT',
  AF_BLUETOOTH: 'EAFNOSUPPORT',
  AF_ALG: 'EAFNOSUPPORT',
  AF_X25: 'EAFNOSUPPORT',
  none: 'EAFNOSUPPORT',
  unspecified: 'EAFNOSUPPORT',
  SCTP: 'EPROTONOSUPPORT',
  SCTP_to_many: 'ESOCKTNOSUPPORT',
  MPTCP: 'EPROTONOSUPPORT',
  MPTCPv6: 'EPROTONOSUPPORT',
  'UDP-Lite': 'EPROTONOSUPPORT',
  'UDP-Litev6': 'EPROTONOSUPPORT',
  DCCP: 'ESOCKTNOSUPPORT',
  RDM: 'ESOCKTNOSUPPORT',
  SEQPACKETv6: 'ESOCKTNOSUPPORT',
  RDM_of_AF_UNIX: 'ESOCKTNOSUPPORT',
  raw: 'EPERM',
  audit: 'EPROTONOSUPPORT',
  uevent: 'EPROTONOSUPPORT',
  pair_of_AF_INET: 'EOPNOTSUPP',
  pair_of_AF_VSOCK: 'EAFNOSUPPORT',
};

// proves: seccomp.absent_protocols
// proves: seccomp.families
hostile({
  name: 'A socket of another address family is opened',
  program: 'families.py',
  without: ['seccomp.families', 'seccomp.absent_protocols'],
  refused: ({ findings }) => {
    assert.equal(findings.get('strange'), 'none');
    assert.equal(findings.get('inet'), '1/0 2/0', 'TCP and UDP of IPv4 and IPv6; ping sockets want a group');
    assert.equal(findings.get('unix'), '1 5', 'no datagrams, which name their receiver in memory');
    assert.equal(findings.get('netlink'), '0');
    assert.equal(findings.get('pairs'), '1');
    for (const [name, errno] of Object.entries(ERRNOS)) assert.equal(findings.get(name), errno, name);
  },
  open: ({ findings }) => {
    assert.match(findings.get('strange') ?? '', /\b40\b/, 'AF_VSOCK');
    assert.match(findings.get('inet') ?? '', /1\/262/, 'MPTCP');
  },
});
