// As root, the plugin sees the files that the user names as their owner sees them: idmapped mounts, mount_setattr(2).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root, to own the files' };
const OTHER = 12_345;

/** A folder that only its owner may enter, with a file that only its owner may read. */
function closedFolder(folder: string, name: string, owner: number): string {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, 'file'), `of ${owner}\n`, { mode: 0o600 });
  for (const one of [join(path, 'file'), path]) chownSync(one, owner, owner);
  chmodSync(path, 0o700);
  return path;
}
const idsOf = (path: string): number[] => [lstatSync(path).uid, lstatSync(path).gid];

for (const owner of [0, OTHER]) {
  test(
    `as root, a folder of uid ${owner} is the plugin's to read and write, and stays its owner's`,
    needsRoot,
    async () => {
      const folder = readableFolder();
      const closed = closedFolder(folder, 'closed', owner);
      const shown = closedFolder(folder, 'shown', owner);
      const options = ['run', '--writable', closed, '--visible', shown, '--cwd', folder, '--'];
      const first = await postern(
        [
          ...options,
          'sh',
          '-c',
          'cat shown/file closed/file && mkdir closed/made && echo first > closed/made/it && ls -n closed/made/it',
        ],
        { as: 'root' },
      );
      assert.equal(first.stderr, '');
      assert.match(first.stdout, new RegExp(`^of ${owner}\nof ${owner}\n-rw-r--r-- 1 1000 1000 `));
      assert.deepEqual(idsOf(join(closed, 'made')), [owner, owner]);
      assert.deepEqual(idsOf(join(closed, 'made/it')), [owner, owner]);
      const second = await postern(
        [...options, 'sh', '-c', 'echo second >> closed/made/it; touch shown/new'],
        { as: 'root' },
      );
      assert.match(second.stderr, /shown\/new.*Read-only file system/);
      assert.equal(readFileSync(join(closed, 'made/it'), 'utf8'), 'first\nsecond\n');
    },
  );
}

test(
  "as root, another owner's files in a folder keep what they grant to others, and no more",
  needsRoot,
  async () => {
    const folder = readableFolder();
    const mixed = closedFolder(folder, 'mixed', 0);
    closedFolder(mixed, 'inner', OTHER);
    writeFileSync(join(mixed, 'open'), 'open\n', { mode: 0o644 });
    chownSync(join(mixed, 'open'), OTHER, OTHER);
    const { stdout, stderr } = await postern(
      [
        'run',
        '--writable',
        mixed,
        '--',
        'sh',
        '-c',
        `cd ${mixed}; cat open; cat inner/file; echo x > open; ls -n open`,
      ],
      { as: 'root' },
    );
    assert.match(stdout, /^open\n-rw-r--r-- 1 65534 65534 /);
    assert.match(stderr, /inner\/file.*Permission denied/);
    assert.equal(readFileSync(join(mixed, 'open'), 'utf8'), 'open\n');
    const named = await postern(
      [
        'run',
        '--visible',
        mixed,
        '--visible',
        join(mixed, 'inner'),
        '--',
        'cat',
        join(mixed, 'inner/file'),
        join(mixed, 'file'),
      ],
      { as: 'root' },
    );
    assert.equal(named.stderr, '');
    assert.equal(named.stdout, `of ${OTHER}\nof 0\n`);
  },
);

for (const owner of [0, OTHER])
  test(
    `as root, a folder of uid ${owner} on the way to a visible one within it is the plugin's to write`,
    needsRoot,
    async () => {
      const closed = closedFolder(readableFolder(), 'closed', owner);
      const between = closedFolder(closed, 'between', owner);
      closedFolder(between, 'inner', owner);
      const { stdout, stderr } = await postern(
        [
          ...['run', '--writable', closed, '--visible', join(between, 'inner'), '--'],
          ...['sh', '-c', `cd ${between}; cat file inner/file; echo x > made; echo x > inner/made`],
        ],
        { as: 'root' },
      );
      assert.equal(stdout, `of ${owner}\nof ${owner}\n`);
      assert.match(stderr, /^[^\n]*inner\/made: Read-only file system\n$/);
      assert.deepEqual(idsOf(join(between, 'made')), [owner, owner]);
    },
  );

// proves: what lies in a writable folder shows as the folder's owner sees it
test(
  "as root, a plugin that puts another owner's folder at a named path of its own reads it no more than before",
  needsRoot,
  async () => {
    const data = closedFolder(readableFolder(), 'data', OTHER);
    closedFolder(data, 'named', OTHER);
    closedFolder(data, 'others', 0);
    const run = (options: readonly string[], script: string): ReturnType<typeof postern> =>
      postern(['run', '--writable', data, ...options, '--', 'sh', '-c', `cd ${data}; ${script}`], {
        as: 'root',
      });
    const first = await run([], 'mv named away && mv others named && echo moved');
    assert.equal(first.stdout, 'moved\n', first.stderr);
    const link = join(readableFolder(), 'link');
    symlinkSync(join(data, 'named'), link);
    for (const option of ['--visible', '--writable', '--cwd'])
      for (const named of [join(data, 'named'), link]) {
        const { stdout, stderr } = await run(
          [option, named],
          `cat away/file ${named}/file; echo x >${named}/made`,
        );
        assert.equal(stdout, option === '--cwd' ? '' : `of ${OTHER}\n`, `${option} ${named}`);
        assert.match(stderr, /\/file: Permission denied|EACCES: permission denied, chdir/);
      }
    assert.deepEqual(readdirSync(join(data, 'named')), ['file']);
  },
);

test('as root, the plugin leaves no set-uid or set-gid program of the owner behind', needsRoot, async () => {
  const folder = readableFolder();
  const closed = closedFolder(folder, 'closed', 0);
  const program = `
import os
os.chdir("${closed}")
for name, attempt in {
  "chmod": lambda: os.chmod("file", 0o4755), "fchmod": lambda: os.fchmod(os.open("file", os.O_RDWR), 0o2755),
  "create": lambda: os.open("made", os.O_CREAT | os.O_WRONLY, 0o4755), "mknod": lambda: os.mknod("node", 0o104755),
}.items():
  try: attempt(); print(name, "ok")
  except OSError as error: print(name, error.errno)
`;
  const { stdout, stderr } = await postern(
    ['run', '--writable', closed, '--', '/usr/bin/python3', '-c', program],
    { as: 'root' },
  );
  assert.equal(stderr, '');
  assert.equal(stdout, 'chmod 1\nfchmod 1\ncreate 1\nmknod 1\n');
  assert.equal(lstatSync(join(closed, 'file')).mode & 0o6000, 0);
});

test(
  'as root, a file system that cannot map ids is told in one line with the reason and the fix',
  needsRoot,
  async () => {
    const folder = readableFolder();
    for (const name of ['there', 'shown']) mkdirSync(join(folder, name));
    const { stdout, stderr, status } = await postern(
      ['run', '--writable', 'there', '--', 'sh', '-c', 'echo x > there/new; echo ran'],
      {
        as: 'root',
        cwd: folder,
        inside: [
          'unshare',
          '--mount',
          '--',
          'sh',
          '-c',
          `mount -t ramfs none ${folder}/there && exec "$@"`,
          'sh',
        ],
      },
    );
    assert.equal(stdout, 'ran\n');
    assert.equal(status, 0);
    const told = stderr.split('\n').filter((line) => line.startsWith('postern: '));
    assert.equal(told.length, 1, stderr);
    assert.match(
      told[0] ?? '',
      /there" does not show as its owner sees it: its file system, ramfs, cannot map ids.*chmod -R o\+rwX/,
    );
  },
);

test("as root, the plugin has no group that the folder's owner is not in", needsRoot, async () => {
  const closed = closedFolder(readableFolder(), 'closed', OTHER);
  const secret = join(closed, 'secret');
  writeFileSync(secret, 'of root', { mode: 0o640 });
  chownSync(closed, OTHER, 0);
  const { stdout, stderr } = await postern(
    ['run', '--writable', closed, '--', 'sh', '-c', `cat ${closed}/file ${secret}; echo x > ${closed}/new`],
    { as: 'root' },
  );
  assert.equal(stdout, `of ${OTHER}\n`);
  assert.match(stderr, /secret.*Permission denied/);
  assert.equal(lstatSync(join(closed, 'new')).uid, OTHER);
});

for (const user of users) {
  // proves: a folder with a set-uid program is not writable
  test(`a folder with a set-uid or set-gid program is not the plugin's to write (${user})`, async () => {
    const uid = user === 'root' || !isRoot ? (process.getuid?.() ?? 0) : 65_534;
    const closed = closedFolder(readableFolder(), 'closed', uid);
    const program = join(closed, 'program');
    writeFileSync(program, '');
    chownSync(program, uid, uid);
    const run = (): ReturnType<typeof postern> =>
      postern(['run', '--writable', closed, '--', 'echo', 'ran'], { as: user });
    for (const mode of [0o4755, 0o2755]) {
      chmodSync(program, mode);
      const { status, stdout, stderr } = await run();
      assert.deepEqual({ status, stdout }, { status: 125, stdout: '' });
      assert.match(
        stderr,
        /^postern: The plugin may not write "[^"]*program", which is set-uid or set-gid[^\n]*; chmod ug-s it[^\n]*\n$/,
      );
    }
    chmodSync(program, 0o755);
    assert.equal((await run()).stdout, 'ran\n');
  });
}

test(
  "a folder with a program that has file capabilities is not the plugin's to write",
  needsRoot,
  async () => {
    const closed = closedFolder(readableFolder(), 'closed', 0);
    const program = join(closed, 'program');
    writeFileSync(program, '', { mode: 0o755 });
    // struct vfs_cap_data, version 2: CAP_NET_RAW permitted and effective.
    const capability = `import os; os.setxattr("${program}", "security.capability", bytes.fromhex("0100000200200000" + "00" * 12))`;
    execFileSync('/usr/bin/python3', ['-c', capability]);
    const { status, stderr } = await postern(['run', '--writable', closed, '--', 'true'], { as: 'root' });
    assert.equal(status, 125);
    assert.match(
      stderr,
      /^postern: The plugin may not write "[^"]*program", which has file capabilities.*setcap -r it/,
    );
  },
);

test("another owner's set-uid program is as it was: the plugin may not write it", needsRoot, async () => {
  const closed = closedFolder(readableFolder(), 'closed', 0);
  const program = join(closed, 'program');
  writeFileSync(program, 'as it was');
  chownSync(program, OTHER, OTHER);
  chmodSync(program, 0o4755);
  const { stdout, stderr } = await postern(
    ['run', '--writable', closed, '--', 'sh', '-c', `echo ran; echo x > ${program}`],
    { as: 'root' },
  );
  assert.equal(stdout, 'ran\n', stderr);
  assert.equal(readFileSync(program, 'utf8'), 'as it was');
  assert.equal(lstatSync(program).mode & 0o7777, 0o4755);
});

test('as a user, a folder keeps its ids', {
  skip: users.includes('user') ? false : 'needs a user',
}, async () => {
  const folder = readableFolder();
  const uid = isRoot ? 65_534 : (process.getuid?.() ?? 0);
  const closed = closedFolder(folder, 'closed', uid);
  const { stdout, stderr } = await postern(
    [
      'run',
      '--writable',
      closed,
      '--',
      'sh',
      '-c',
      `cat ${closed}/file; echo x > ${closed}/new; stat -c %u ${closed}/new`,
    ],
    { as: 'user' },
  );
  assert.equal(stderr, '');
  assert.equal(stdout, `of ${uid}\n${uid}\n`);
  assert.equal(lstatSync(join(closed, 'new')).uid, uid);
});
