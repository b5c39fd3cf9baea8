// A plugin plants a library where the next start of postern could look for one. That start runs outside of every sandbox.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { chownTo, type User } from '../harness/users.js';

const PATH = '/usr/local/bin:/usr/bin:/bin';
/** Not a library: a program that loads it fails. */
const PLANT = 'for name in libseccomp.so.2 libcap-ng.so.0; do echo planted >$name; done';

function run(
  as: User,
  cwd: string,
  libraries: string,
  options: readonly string[],
  script: string,
): Promise<PosternResult> {
  const env = { PATH, HOME: '/nonexistent' };
  // The program that changes the user must not load the library either.
  const through = ['env', `LD_LIBRARY_PATH=${libraries}`];
  return postern(['run', ...options, '--', '/bin/sh', '-c', script], {
    as,
    cwd,
    env,
    through,
    asCommand: true,
  });
}

// proves: no library comes from a relative part of LD_LIBRARY_PATH
const SEARCHED = ['/opt/none/lib:', ':/opt/none/lib', '.', '/opt/none/lib;;', 'lib:../own'];
for (const [turn, libraries] of SEARCHED.entries()) {
  for (const as of userInTurn(turn))
    test(`a library in the working directory is not loaded by LD_LIBRARY_PATH=${libraries} (${as})`, async () => {
      const cwd = ownFolder(as);
      const first = await run(as, cwd, libraries, ['--writable', '.'], PLANT);
      assert.equal(first.status, 0, first.stderr);
      assert.ok(existsSync(join(cwd, 'libseccomp.so.2')));
      const next = await run(
        as,
        cwd,
        libraries,
        ['--writable', '.', '--env', 'LD_LIBRARY_PATH'],
        'echo "$LD_LIBRARY_PATH"',
      );
      assert.equal(next.stdout, `${libraries}\n`, next.stderr);
    });
}

for (const as of anyUser) {
  // proves: a folder of LD_LIBRARY_PATH is postern's own
  test(`a folder of LD_LIBRARY_PATH is read-only, or refuses the start (${as})`, async () => {
    const cwd = ownFolder(as);
    const folder = join(cwd, 'lib');
    const absent = await run(as, cwd, folder, ['--writable', '.'], 'mkdir lib');
    assert.match(absent.stderr, /looks for its own file at ".*lib", and the plugin may write/);
    mkdirSync(folder);
    chownTo(as, folder);
    const inside = await run(as, cwd, folder, ['--writable', folder], PLANT);
    assert.match(inside.stderr, /lib" is postern's own, and the plugin would write it/);
    const above = await run(as, cwd, folder, ['--writable', '.'], `cd lib; ${PLANT}`);
    assert.match(above.stderr, /Read-only file system/);
    assert.ok(!existsSync(join(folder, 'libseccomp.so.2')));
  });
}
