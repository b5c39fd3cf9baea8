// `check` notices a command that a start could not run, and searches it as a start does.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder } from '../harness/users.js';

for (const user of anyUser) {
  test(`check warns of a command that does not exist or is not executable (${user})`, async () => {
    const cwd = readableFolder();
    mkdirSync(join(cwd, 'bin'), { mode: 0o755 });
    writeFileSync(join(cwd, 'bin/plain'), '', { mode: 0o644 });
    writeFileSync(join(cwd, 'bin/program'), '#!/bin/sh\n', { mode: 0o755 });
    symlinkSync('nowhere', join(cwd, 'bin/dangling'));
    const commands = [
      ['found', '[sleep, "1"]', ''],
      ['own', '[bin/program]', ''],
      ['searched', '[program]', `, env: {PATH: ${cwd}/bin}`],
      ['missing', '[no-such-program]', ', env: {PATH: /usr/bin}'],
      ['unsearched', '[program]', ', env: {PATH: /usr/bin}'],
      ['absent', '[bin/absent]', ''],
      ['dangling', '[bin/dangling]', ''],
      ['plain', '[bin/plain]', ''],
      ['closed', '[plain]', `, env: {PATH: ${cwd}/bin}`],
      ['folder', '[/usr]', ''],
    ];
    const lines = commands.map(([name, command, more]) => `  ${name}: {command: ${command}${more}}`);
    writeFileSync(join(cwd, 'postern.yaml'), `plugins:\n${lines.join('\n')}\n`);
    const { status, stdout, stderr } = await postern(['check'], { as: user, cwd });
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const warning = (line: number, name: string, why: string): string =>
      `warning  ./postern.yaml:${line}: plugins.${name}: The command cannot be run, ${why}`;
    const absent = 'does not exist: correct the path, or install it';
    const searched = 'is in no folder of PATH "/usr/bin": install it, or write its whole path';
    const closed = `"${cwd}/bin/plain" is not executable: chmod +x it, or name another program`;
    assert.deepEqual(stdout.trim().split('\n').slice(0, -1), [
      warning(5, 'missing', `"no-such-program" ${searched}`),
      warning(6, 'unsearched', `"program" ${searched}`),
      warning(7, 'absent', `"${cwd}/bin/absent" ${absent}`),
      warning(8, 'dangling', `"${cwd}/bin/dangling" ${absent}`),
      warning(9, 'plain', closed),
      warning(10, 'closed', closed),
      warning(11, 'folder', '"/usr" is a folder: name a program'),
    ]);
  });
}
