// At a terminal of another session, as after setsid(1) and "su -c", a plugin gets no input, and postern says so.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFile } from '../harness/users.js';

const driver = readableFile(
  'terminal-of-session.py',
  readFileSync(new URL('terminal-of-session.py', import.meta.url), 'utf8'),
);
const SAYS =
  'postern: the terminal belongs to another session: the program gets no input from it; start postern';
const program = (seconds: number): string =>
  `echo up; if read -t ${seconds} line; then echo "read <$line>"; else echo nothing; fi`;

// proves: the terminal of another session is not read
for (const [turn, [how, command]] of (
  [
    ['alone', []],
    ['in a pipeline', ['sh', '-c', '"$@" | cat', 'sh']],
  ] as const
).entries()) {
  for (const user of userInTurn(turn))
    test(`a plugin at the terminal of another session gets no input, and one line says why: ${how} (${user})`, async () => {
      const run = (session: string, seconds: number) =>
        postern(['run', '--', 'bash', '-c', program(seconds)], {
          as: user,
          through: ['/usr/bin/python3', driver, session, ...command],
        });
      const other = await run('setsid', 2);
      assert.equal(other.stdout.split(SAYS).length, 2, other.stdout);
      assert.match(other.stdout, /^nothing\r+$/m);
      assert.match(other.stdout, /the shell read <typed>/);
      const own = await run('own', 20);
      assert.doesNotMatch(own.stdout, /another session/);
      assert.match(own.stdout, /^read <typed>\r+$/m);
    });
}
