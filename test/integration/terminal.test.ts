// What a user does at a terminal works with a plugin, which has a terminal of its own.
// proves: G18
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile } from '../harness/users.js';

const driver = readableFile(
  'terminal-programs.py',
  readFileSync(new URL('terminal-programs.py', import.meta.url), 'utf8'),
);

for (const user of anyUser) {
  test(`programs at a terminal work as without postern (${user})`, async () => {
    const { status, stdout, stderr } = await postern([], {
      as: user,
      through: ['/usr/bin/python3', driver],
      timeoutMs: 240_000,
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    assert.deepEqual(stdout.trim().split('\n'), [
      "the terminal is the shell's while a program is stopped",
      'single keys, Ctrl-Z by the program itself',
      'a shell with job control',
      'window size',
      'questions in a pipeline',
      'Ctrl-Z and Ctrl-C in a pipeline',
      'Ctrl-Z in a pipeline after a program stopped itself',
      'Ctrl-Z in a script',
      'a job that is continued the moment it stops',
      'a terminal that shows nothing does not hold up postern',
    ]);
  });
}
