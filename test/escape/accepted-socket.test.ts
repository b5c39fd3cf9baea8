// proves: G3
// proves: G12
import assert from 'node:assert/strict';
import { hostile } from './hostile.js';

const behaviour = { program: 'accepted-socket.py', listens: true } as const;

// proves: trap: no close of a plugin lingers
hostile({
  ...behaviour,
  name: 'An accepted socket is disconnected and connected to another peer',
  without: ['seccomp.connect', 'landlock'],
  refused: ({ findings, egress }) => {
    for (const attempt of ['unspec_connect', 'connect'])
      assert.equal(findings.get(attempt), egress === 'channel' ? 'EACCES' : 'EISCONN', attempt);
    for (const attempt of ['bind', 'listen']) assert.equal(findings.get(attempt), 'EACCES', attempt);
    for (const attempt of ['ifconf', 'fastopen_option', 'linger', 'filter'])
      assert.equal(findings.get(attempt), 'EPERM', attempt);
    assert.equal(findings.get('fastopen'), 'EOPNOTSUPP');
  },
});
// proves: trap: no close of a plugin lingers
hostile({
  ...behaviour,
  name: 'An accepted socket is connected elsewhere by MSG_FASTOPEN',
  // seccomp.connect too, since the socket has to be disconnected first. Landlock stays: it does not see this connect.
  without: ['seccomp.connect', 'seccomp.fastopen', 'landlock'],
});
// proves: trap: no close of a plugin lingers
hostile({
  ...behaviour,
  name: 'An accepted socket listens on the host',
  without: ['seccomp.connect', 'seccomp.listen'],
  kernelMayRefuse: { step: 'listen after a disconnect', finding: 'listen' },
  open: ({ forbidden }) => assert.match(forbidden, /the port \d+ that the program opened/),
});
// proves: trap: no close of a plugin lingers
hostile({
  ...behaviour,
  name: 'An accepted socket lists the interfaces of the host, and takes every option',
  without: ['seccomp.ioctl_interfaces', 'seccomp.ioctl_interface_reads', 'seccomp.setsockopt'],
  open: ({ findings, egress }) => {
    assert.equal(findings.get('ifconf'), 'ok');
    assert.equal(findings.get('linger'), 'ok');
    // On a connected socket the kernel gives its own answer. Without the trap the socket was disconnected before.
    assert.equal(findings.get('fastopen_option'), egress === 'channel' ? 'EINVAL' : 'ok');
  },
});
