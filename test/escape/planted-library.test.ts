// A plugin plants a library where the next start of postern could look for one. That start runs outside of every sandbox.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { loadedLibraries, loadLibrary } from '../../shared/sys/load-library.js';
import { anyUser, userInTurn } from '../harness/asked.js';
import { ownFolder } from '../harness/own-folder.js';
import { type PosternResult, postern } from '../harness/postern.js';
import { chownTo, readableFolder, type User, users } from '../harness/users.js';

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

const SONAME = 'libseccomp.so.2';

/** A library whose code makes the marker as soon as it is loaded. @returns its path */
function plantedLibrary(marker: string): string {
  const path = join(readableFolder(), 'planted.so');
  const source = `#include <fcntl.h>
__attribute__((constructor)) static void run(void) { open(${JSON.stringify(marker)}, O_CREAT | O_WRONLY, 0644); }`;
  execFileSync('cc', ['-shared', '-fPIC', '-o', path, '-x', 'c', '-'], { input: source });
  chmodSync(path, 0o755);
  return path;
}

/** A folder of the user with the library that postern loads from there, as from one that /etc/ld.so.conf names. */
function ownLibrary(as: User): { readonly top: string; readonly file: string } {
  loadLibrary(SONAME, '');
  const found = loadedLibraries().find((path) => basename(path) === SONAME) ?? '';
  const top = ownFolder(as);
  const file = join(top, 'lib', SONAME);
  mkdirSync(join(top, 'lib'));
  copyFileSync(found, file);
  for (const path of [join(top, 'lib'), file]) chownTo(as, path);
  return { top, file };
}

for (const as of users) {
  const start = (library: string, options: readonly string[], script: string): Promise<PosternResult> =>
    postern(['run', ...options, '--', '/bin/sh', '-c', script], {
      as,
      // By hand: the command keeps this variable from Node.
      through: ['env', `LD_PRELOAD=${library}`],
    });

  // proves: a folder from which a library was loaded is postern's own
  // proves: a hard link to a library or a program that postern starts is not writable
  test(`the next start loads no library that a plugin wrote, wherever postern's libraries lie (${as})`, async () => {
    const { top, file } = ownLibrary(as);
    const marker = join(top, 'marker');
    const planted = plantedLibrary(marker);
    const plant = (path: string): string =>
      `cp ${planted} ${path} 2>&1; rm -f ${path}; cp ${planted} ${path}`;
    const inside = await start(file, ['--writable', join(top, 'lib'), '--visible', planted], plant(file));
    assert.match(
      inside.stderr,
      /lib" holds programs or libraries that postern runs, and the plugin would write it/,
    );
    const above = await start(
      file,
      ['--writable', top, '--visible', planted],
      `${plant(file)}; mv ${top}/lib ${top}/away; echo x >${top}/lib/libcap-ng.so.0; echo tried`,
    );
    assert.match(above.stdout, /Read-only file system[\s\S]*tried\n$/, above.stderr);
    assert.ok(!existsSync(join(top, 'lib/libcap-ng.so.0')));
    mkdirSync(join(top, 'data'));
    chownTo(as, join(top, 'data'));
    linkSync(file, join(top, 'data/second'));
    const linked = await start(
      file,
      ['--writable', join(top, 'data'), '--visible', planted],
      `cat ${planted} >${top}/data/second`,
    );
    assert.match(
      linked.stderr,
      /data\/second": it is a hard link to ".*libseccomp\.so\.2", which is postern's own/,
    );
    rmSync(join(top, 'data/second'));
    const link = join(top, 'data', SONAME);
    symlinkSync(file, link);
    const behind = await start(link, ['--writable', join(top, 'data'), '--visible', planted], plant(link));
    assert.match(behind.stderr, /data" holds programs or libraries that postern runs/);
    const next = await start(link, [], 'echo ran');
    assert.equal(next.stdout, 'ran\n', next.stderr);
    assert.ok(!existsSync(marker), 'the planted library was loaded');
  });
}

const SYSTEM_FOLDERS: Readonly<Record<string, RegExp>> = {
  '/usr/bin': /"\/usr\/bin" holds programs or libraries that postern runs, and the plugin would write it/,
  '/usr/sbin': /"\/usr\/sbin" holds programs or libraries/,
  '/etc': /postern looks for its own file at "\/etc\/ld\.so\.preload"/,
};

// proves: the folders of the programs that postern starts are its own
// proves: no plugin writes what names libraries to the loader
for (const as of anyUser)
  test(`a folder of the host's programs, or of what names libraries, refuses the start (${as})`, async () => {
    for (const [folder, message] of Object.entries(SYSTEM_FOLDERS)) {
      const { status, stderr } = await postern(['run', '--writable', folder, '--', 'echo', 'ran'], { as });
      assert.equal(status, 125, stderr);
      assert.match(stderr, message);
    }
  });
