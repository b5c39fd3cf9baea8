// Programs that read the network interfaces by ioctl(2) find those of the sandbox.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { userInTurn } from '../../harness/asked.js';
import { postern } from '../../harness/postern.js';
import { compileJava } from './compile.js';

const PYTHON = '/usr/bin/python3';
const classes = compileJava(new URL('Interfaces.java', import.meta.url));
const IN_PYTHON = `
import socket
print(socket.if_nameindex(), socket.if_nametoindex('lo'), socket.if_indextoname(1))
print(socket.getaddrinfo('fe80::1%lo', 80)[0][4])
for name in ('eth0', 'none'):
    try: print(socket.if_nametoindex(name))
    except OSError as e: print(e)
`;

for (const user of userInTurn(0)) {
  test(`Python finds the index and the name of lo (${user})`, async () => {
    const { stdout, stderr } = await postern(['run', '--', PYTHON, '-c', IN_PYTHON], { as: user });
    const lines = [
      "[(1, 'lo')] 1 lo",
      "('fe80::1', 80, 0, 1)",
      'no interface with this name',
      'no interface with this name',
    ];
    assert.deepEqual(stdout.trim().split('\n'), lines, stderr);
  });
}

for (const user of userInTurn(1)) {
  test(`Java's NetworkInterface finds lo, with its addresses (${user})`, async () => {
    const { stdout, stderr } = await postern(
      ['run', '--visible', classes, '--', 'java', '-XX:TieredStopAtLevel=1', '-cp', classes, 'Interfaces'],
      { as: user, timeoutMs: 60_000 },
    );
    const [first = '', ...more] = stdout.trim().split('\n');
    assert.match(first, /^lo 1 65536 up true loopback true hardware null \[.*\b127\.0\.0\.1\b/, stderr);
    assert.match(first, /\b192\.0\.0\.8\b/);
    assert.deepEqual(more, ['lo lo null'], stderr);
  });
}
