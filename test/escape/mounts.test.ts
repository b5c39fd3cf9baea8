// Checks every mount of a plugin, as the kernel lists them, proc_pid_mountinfo(5).
// proves: the host's mounts are read-only
// proves: root: no set-uid program of the host's
// proves: no device of the host's but the listed
// proves: root: no program on a device
// proves: root: its own tmpfs has no set-uid program
// proves: root: its own tmpfs has no device
// proves: root: its own tmpfs is read-only
// proves: what may be written has no set-uid program and no device
// proves: /proc has no set-uid program and no device
// proves: /dev/mqueue has no set-uid program and no device
// proves: /dev/pts has no set-uid program
// proves: root: what hides a folder is read-only
// proves: root: what hides a file is read-only
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

interface Mount {
  readonly path: string;
  readonly options: readonly string[];
  readonly type: string;
}

function mountsOf(text: string): readonly Mount[] {
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [fields = '', rest = ''] = line.split(' - ');
      const [, , , , path = '', options = ''] = fields.split(' ');
      return { path, options: options.split(','), type: rest.split(' ')[0] ?? '' };
    });
}

for (const user of users) {
  test(`no mount of a plugin runs set-uid programs, few have devices, and all writable ones are listed (${user})`, async () => {
    const folder = readableFolder();
    for (const name of ['out', 'out/hidden']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'out/secret'), '');
    chmodSync(join(folder, 'out'), 0o777);
    const { stdout, stderr } = await postern(
      [
        ...['run', '--cwd', folder, '--writable', join(folder, 'out')],
        ...['--hidden', join(folder, 'out/hidden'), '--hidden', join(folder, 'out/secret')],
        ...['--', 'cat', '/proc/self/mountinfo'],
      ],
      { as: user },
    );
    const mounts = mountsOf(stdout);
    assert.ok(mounts.length > 10, `${stdout}${stderr}`);
    const paths = (having: (mount: Mount) => boolean): string[] =>
      mounts.filter(having).map(({ path }) => path);
    assert.deepEqual(
      paths(({ options }) => !options.includes('nosuid')),
      [],
    );
    const devices = paths(({ options }) => !options.includes('nodev'));
    assert.deepEqual(
      devices.filter((path) => !path.startsWith('/dev/')),
      [],
    );
    const own = [
      '/proc',
      '/tmp',
      '/var',
      '/run',
      '/home',
      '/home/plugin',
      '/dev/shm',
      '/dev/pts',
      '/dev/mqueue',
    ];
    assert.deepEqual(
      paths(({ options, path }) => options.includes('rw') && !own.includes(path) && !devices.includes(path)),
      [join(folder, 'out')],
    );
    assert.deepEqual(
      paths(
        ({ options, path }) => devices.includes(path) && path !== '/dev/pts' && !options.includes('noexec'),
      ),
      [],
    );
    assert.deepEqual(
      paths(({ path }) => path === '/'),
      ['/'],
      'nothing lies below or upon the root',
    );
    assert.deepEqual(paths(({ type }) => type === 'proc').concat(paths(({ type }) => type === 'devpts')), [
      '/proc',
      '/dev/pts',
    ]);
  });
}
