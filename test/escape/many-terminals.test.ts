// The kernel has a bounded number of pseudo-terminals for the whole host. A plugin cannot take them all.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_TERMINALS } from '../../shared/limits.js';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';

const PROGRAM = `
import os, errno
held = []
try:
    while len(held) < 500: held.append(os.open("/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY))
except OSError as error:
    print(len(held), errno.errorcode[error.errno])
`;

for (const user of anyUser) {
  // proves: a plugin cannot take all of the host's pseudo-terminals
  test(`a plugin has a bounded number of pseudo-terminals (${user})`, async () => {
    const { stdout, stderr } = await postern(['run', '--', '/usr/bin/python3', '-c', PROGRAM], { as: user });
    assert.equal(stdout, `${MAX_TERMINALS} ENOSPC\n`, stderr);
  });
}
