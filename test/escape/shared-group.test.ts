// What is done to a process group knows no pid namespace. So a plugin is in no group of its user's, in a pipeline neither.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile, users } from '../harness/users.js';

const driver = readableFile(
  'shared-group.py',
  readFileSync(new URL('shared-group.py', import.meta.url), 'utf8'),
);
const through = ['/usr/bin/python3', driver];

for (const user of users) {
  // proves: a plugin with a terminal leads its own group
  test(`a plugin neither signals nor renices a program beside postern in its process group (${user})`, async () => {
    const { stdout } = await postern(['run'], { as: user, through });
    // The tests may run at a low priority themselves.
    assert.ok(stdout.includes(`nice ${getPriority()}\nwent on\nended 0 0\n`), stdout);
  });
}
for (const user of anyUser) {
  // proves: a plugin without a terminal leads its own group
  test(`a plugin leads its own group, in a session that no process of its user's is in (${user})`, async () => {
    const { stdout } = await postern(
      ['run', '--', 'sh', '-c', 'cut -d" " -f1,5,6 /proc/self/stat; echo $$'],
      {
        as: user,
      },
    );
    const [numbers = '', own] = stdout.trim().split('\n');
    const [, group, session] = numbers.split(' ');
    // The leader of the session was outside, and has ended. A process of no session in this namespace has 0.
    assert.deepEqual([group, session], [own, '0']);
  });
}
