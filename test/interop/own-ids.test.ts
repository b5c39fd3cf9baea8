// A user's program that names ids of others reads EPERM, as outside. Its user namespace has no such ids, and there the kernel says EINVAL.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { asUser, readableFolder } from '../harness/users.js';

const program = readFileSync(new URL('semantics/own-ids.py', import.meta.url), 'utf8');
const PYTHON = ['/usr/bin/python3', '-c', program];
const outside = readableFolder();
chmodSync(outside, 0o777);

for (const egress of ['transparent', 'channel']) {
  test(`calls that set ids answer a user's program as they do outside (${egress})`, async () => {
    const [command = '', ...args] = [...asUser('user'), ...PYTHON];
    const expected = execFileSync(command, args, { cwd: outside, encoding: 'utf8' });
    assert.match(expected, /^chown another -1: EPERM$/m);
    const { stdout, stderr } = await postern(['run', '--egress', egress, '--', ...PYTHON], {
      as: 'user',
      cwd: '/',
    });
    assert.equal(stdout, expected, stderr);
  });
}
