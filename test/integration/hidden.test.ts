// proves: G14
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../harness/asked.js';
import { type PosternResult, postern, startPostern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

function run(user: User, args: readonly string[], command: string, cwd = '/'): Promise<PosternResult> {
  return postern(['run', '--cwd', cwd, ...args, '--', 'sh', '-c', command], { as: user });
}

for (const user of users) {
  test(`of nested visible, writable and hidden paths the innermost wins (${user})`, async () => {
    const folder = readableFolder();
    mkdirSync(join(folder, 'a/b/c'), { recursive: true });
    for (const path of ['', 'a', 'a/b', 'a/b/c']) {
      chmodSync(join(folder, path), 0o777);
      writeFileSync(join(folder, path, 'file'), `in ${path}\n`);
      chmodSync(join(folder, path, 'file'), 0o666);
    }
    const args = ['--visible', folder, '--hidden', join(folder, 'a'), '--writable', join(folder, 'a/b')];
    const script = 'for d in . a a/b a/b/c; do cat $d/file; echo x >>$d/file && echo wrote; done; true';
    const { stdout } = await run(user, [...args, '--hidden', join(folder, 'a/b/c')], script, folder);
    assert.equal(stdout, 'in \nin a/b\nwrote\n');
  });
}

for (const user of userInTurn(0)) {
  test(`a hidden program, interpreter or working directory gives an error that names the option (${user})`, async () => {
    const folder = readableFolder();
    mkdirSync(join(folder, 'app/bin'), { recursive: true });
    mkdirSync(join(folder, 'interpreters/bin'), { recursive: true });
    symlinkSync('/bin/sh', join(folder, 'interpreters/bin/mysh'));
    writeFileSync(join(folder, 'interpreters/bin/myenv'), '#!/bin/sh\nexec sh "$@"\n', { mode: 0o755 });
    const tool = join(folder, 'app/bin/tool');
    writeFileSync(tool, '#!/bin/sh\necho runs\n', { mode: 0o755 });
    const script = join(folder, 'app/bin/script');
    writeFileSync(script, `#!/usr/bin/env myenv\necho runs\n`, { mode: 0o755 });
    const at = (args: readonly string[], command: string): Promise<PosternResult> =>
      postern(['run', '--cwd', '/', ...args, '--', command], {
        as: user,
        env: { PATH: `/usr/bin:/bin:${join(folder, 'interpreters/bin')}`, HOME: '/nonexistent' },
      });
    const program = await at(['--hidden', folder], tool);
    assert.equal(program.status, 127);
    assert.equal(
      program.stderr,
      `postern: Cannot run "${tool}": "${tool}" is hidden by --hidden ${folder}; show it with --visible ${tool}\n`,
    );
    assert.match(
      (await at(['--hidden', tool], tool)).stderr,
      /is hidden by --hidden .*; remove that option\n$/,
    );
    assert.equal((await at(['--hidden', folder, '--visible', tool], tool)).stdout, 'runs\n');

    const unseen = await at([], script);
    assert.equal(unseen.status, 127);
    assert.equal(
      unseen.stderr,
      `postern: Cannot run "${script}": its interpreter "${folder}/interpreters/bin/myenv" is not visible to the plugin; show it with --visible ${folder}/interpreters\n`,
    );
    assert.equal((await at(['--visible', join(folder, 'interpreters')], script)).stdout, 'runs\n');
    const hidden = await at(['--visible', folder, '--hidden', join(folder, 'interpreters')], script);
    assert.match(hidden.stderr, /its interpreter ".*" is hidden by --hidden .*\/interpreters; show it with/);
    const loader = await at(['--hidden', '/usr'], tool);
    assert.match(loader.stderr, /its interpreter "\/bin\/sh" is hidden by --hidden \/usr; show it with/);

    const start = await postern(['run', '--cwd', join(folder, 'app'), '--hidden', folder, '--', 'true'], {
      as: user,
    });
    assert.equal(start.status, 125);
    assert.equal(
      start.stderr,
      `postern: Cannot start in "${folder}/app": it is hidden by --hidden ${folder}; start elsewhere with --cwd, or show it with --visible ${folder}/app\n`,
    );
  });

  test(`neither a missing path nor "/" can be hidden (${user})`, async () => {
    const absent = await run(user, ['--hidden', '/srv/nothing-here'], 'true');
    assert.equal(absent.status, 125);
    assert.match(
      absent.stderr,
      /^postern: Cannot hide "\/srv\/nothing-here" from the plugin: it does not exist; /,
    );
    assert.match((await run(user, ['--hidden', '/'], 'true')).stderr, /^postern: Cannot hide "\/"/);
  });
}

for (const user of userInTurn(1)) {
  test(`a home directory shows only with --visible (${user})`, async () => {
    const folder = readableFolder();
    mkdirSync(join(folder, 'bin'));
    writeFileSync(join(folder, 'bin/tool'), `#!/bin/sh\ncat ${folder}/key || echo gone\n`, { mode: 0o755 });
    writeFileSync(join(folder, 'key'), 'SECRET\n');
    const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, HOME: folder };
    const alone = await postern(['run', '--', 'tool'], { as: user, env, cwd: folder });
    assert.equal(alone.stdout, 'gone\n', alone.stderr);
    const shown = await postern(['run', '--visible', folder, '--', 'tool'], { as: user, env, cwd: folder });
    assert.equal(shown.stdout, 'SECRET\n', shown.stderr);
  });
}

if (users.includes('root')) {
  test('root hides what lies in a folder that the plugin may not enter, and it stays hidden once it may', async () => {
    const folder = readableFolder();
    mkdirSync(join(folder, 'closed/deep'), { recursive: true });
    writeFileSync(join(folder, 'closed/deep/key'), 'SECRET\n');
    chmodSync(join(folder, 'closed'), 0o700);
    // A third user owns it, because the plugin may enter folders of the shown folder's owner.
    chownSync(join(folder, 'closed'), 12_345, 12_345);
    const script = `echo up; until [ -e ${folder}/go ]; do sleep 0.05; done; cat ${folder}/closed/deep/key`;
    const { child, result } = startPostern(
      ['run', '--visible', folder, '--hidden', join(folder, 'closed/deep/key'), '--', 'sh', '-c', script],
      { as: 'root' },
    );
    child.stdout?.once('data', () => {
      chmodSync(join(folder, 'closed'), 0o755);
      writeFileSync(join(folder, 'go'), '');
    });
    const { stdout, stderr } = await result;
    assert.equal(stdout, 'up\n');
    assert.match(stderr, /No such file/);
  });

  test('a file hidden at one mount of its file system is hidden at the others', async () => {
    const folder = readableFolder();
    for (const name of ['one', 'two']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'one/key'), 'SECRET\n');
    const args = ['run', '--cwd', '/', '--visible', folder, '--hidden', join(folder, 'one/key'), '--', 'cat'];
    // In a separate mount namespace, which ends with the command.
    const shell = `mount --bind ${folder}/one ${folder}/two && exec "$@"`;
    const { stdout, stderr } = await postern([...args, join(folder, 'two/key')], {
      as: 'root',
      through: ['unshare', '--mount', '--propagation', 'private'],
      shell,
    });
    assert.deepEqual([stdout, stderr], ['', '']);
  });

  // proves: a mount that another one covers shows at no path
  test('a file below a folder that is mounted over a mount is hidden at the other mounts of its file system', async () => {
    const folder = readableFolder();
    for (const name of ['one/inner', 'two']) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, 'one/inner/key'), 'SECRET\n');
    const args = ['run', '--cwd', '/', '--visible', folder, '--hidden', join(folder, 'one/inner/key')];
    const mounts = `mount --bind ${folder}/one ${folder}/two && mount -t tmpfs none ${folder}/one/inner && mount --bind ${folder}/two ${folder}/one`;
    const { stdout, stderr } = await postern([...args, '--', 'cat', join(folder, 'two/inner/key')], {
      as: 'root',
      through: ['unshare', '--mount', '--propagation', 'private'],
      shell: `${mounts} && exec "$@"`,
    });
    assert.deepEqual([stdout, stderr], ['', '']);
  });
}
