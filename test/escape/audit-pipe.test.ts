// An audit log that is a named pipe: who reads the pipe takes what another reader should get. So no plugin sees it, under any name.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder } from '../harness/users.js';

interface Place {
  readonly shown: string;
  readonly elsewhere: string;
}

function folders(): Place {
  const top = readableFolder();
  const [shown, elsewhere] = [join(top, 'shown'), join(top, 'elsewhere')];
  for (const folder of [shown, elsewhere]) {
    mkdirSync(folder);
    chmodSync(folder, 0o777);
  }
  return { shown, elsewhere };
}

function makePipe(path: string): string {
  assert.equal(spawnSync('mkfifo', ['-m', '666', path]).status, 0);
  return path;
}

for (const user of anyUser) {
  const run = (...options: readonly string[]) =>
    postern(['run', ...options, '--', '/bin/echo', 'ran'], { as: user });

  // proves: no plugin sees the pipe of the audit log
  test(`a plugin that would see the pipe of the audit log is not started (${user})`, async () => {
    for (const option of ['--cwd', '--visible', '--writable']) {
      const { shown, elsewhere } = folders();
      const pipe = makePipe(join(shown, 'audit.pipe'));
      symlinkSync(shown, join(elsewhere, 'link'));
      const rest = option === '--cwd' ? [] : ['--cwd', '/usr'];
      for (const name of [shown, join(elsewhere, 'link')]) {
        const { status, stdout, stderr } = await run('--audit', pipe, option, name, ...rest);
        assert.deepEqual([status, stdout], [125, ''], `${option} ${name}: ${stderr}`);
        assert.match(
          stderr,
          /^postern: .*audit\.pipe", a pipe of postern's own: it could read it empty; put the pipe/m,
        );
      }
    }
  });

  // proves: no plugin has a second name of the pipe of the audit log
  test(`a plugin that would have a second name of that pipe is not started (${user})`, async () => {
    const { shown, elsewhere } = folders();
    const pipe = makePipe(join(elsewhere, 'audit.pipe'));
    linkSync(pipe, join(shown, 'mine'));
    const { status, stdout, stderr } = await run('--audit', pipe, '--writable', shown, '--cwd', '/usr');
    assert.deepEqual([status, stdout], [125, ''], stderr);
    assert.match(stderr, /mine": it is a hard link to ".*audit\.pipe", which is postern's own/);
  });
}
