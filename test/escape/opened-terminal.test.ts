// A program without a terminal gets none: neither its user's by /dev/tty, nor one that it opens, as a service or a test may. SIGHUP ends
// it in neither case.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile } from '../harness/users.js';

const script = (name: string): string =>
  readableFile(name, readFileSync(new URL(name, import.meta.url), 'utf8'));
const program = script('opened-terminal.py');
const driver = script('without-streams.py');
const command = ['/usr/bin/python3', program];
const NO_TERMINAL = 'No such device or address, Inappropriate ioctl for device\n';

for (const user of anyUser) {
  // proves: a plugin without a terminal leads no session
  test(`a program without a terminal lives on when a terminal that it opened ends (${user})`, async () => {
    // In a session without a terminal, whose leader is another process.
    const outside = spawnSync('setsid', ['sh', '-c', '"$@"; exit', 'sh', ...command], { encoding: 'utf8' });
    assert.equal(outside.stdout, NO_TERMINAL, outside.stderr);
    const { stdout, stderr } = await postern(['run', '--visible', program, '--', ...command], { as: user });
    assert.equal(stdout, NO_TERMINAL, stderr);
  });
}
for (const user of anyUser) {
  // proves: the session of a start is not the user's
  test(`a plugin without a stream at its user's terminal does not find it at /dev/tty (${user})`, async () => {
    const { stdout, stderr } = await postern(['run', '--visible', program, '--', ...command], {
      as: user,
      through: ['/usr/bin/python3', driver],
    });
    assert.equal(stdout, NO_TERMINAL, stderr);
  });
}
