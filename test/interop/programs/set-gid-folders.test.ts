// Programs that keep or set the set-gid bit of folders do so in a sandbox as outside.
// proves: G14
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { userInTurn } from '../../harness/asked.js';
import { postern } from '../../harness/postern.js';
import { asUser, readableFolder, type User, users } from '../../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const SCRIPTS: Readonly<Record<string, string>> = {
  'git init --shared=group, and git add': `
    git init -q --shared=group repository && cd repository && echo text > file && git add file`,
  'rsync -a': 'rsync -a from/ to/',
  'tar -xp': 'tar -cf all.tar from && mkdir to && tar -xpf all.tar -C to',
  'install -d -m 2775': 'install -d -m 2775 made made/inner',
  'shutil.copytree()': "/usr/bin/python3 -c \"import shutil; shutil.copytree('from', 'to')\"",
  'mkdir -m 2775, and chmod g+s': 'mkdir -m 2775 made && mkdir made/inner && mkdir other && chmod g+s other',
  'fchmod(2)': '/usr/bin/python3 -c "import os; os.fchmod(os.open(\'from\', os.O_RDONLY), 0o3771)"',
  'a path at the end of its memory': `/usr/bin/python3 -c "
import ctypes, mmap, os
libc = ctypes.CDLL(None)
memory = mmap.mmap(-1, 3 * 4096)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
assert libc.munmap(ctypes.c_void_p(start + 2 * 4096), 4096) == 0
for end in (4096 + 3, 2 * 4096):
    ctypes.memmove(start + end - 5, b'from\\0', 5)
    assert libc.chmod(ctypes.c_void_p(start + end - 5), 0o2711 + end % 4096) == 0
os._exit(0)"`,
};

/** As root, the supervisor sets the mode with the ids of the plugin. It does so for each call alike, so the other programs take turns. */
const OF_EACH_USER = ['mkdir -m 2775, and chmod g+s', 'fchmod(2)'];

/** A folder of the user's, with a set-gid folder and files in it. */
function treeOf(user: User): string {
  const tree = join(readableFolder(), 'tree');
  mkdirSync(join(tree, 'from/inner'), { recursive: true });
  writeFileSync(join(tree, 'from/file'), 'text');
  for (const name of ['', 'from/inner', 'from/file', 'from']) {
    const path = join(tree, name);
    if (isRoot && user === 'user') chownSync(path, 65_534, 65_534);
    chmodSync(path, name.startsWith('from') && statSync(path).isDirectory() ? 0o2775 : 0o755);
  }
  return tree;
}

/** Mode, owner and group of each folder below. Names of files of git can differ between runs, those of folders do not. */
function foldersIn(tree: string): string[] {
  return readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .map((name) => ({ name, stats: lstatSync(join(tree, name)) }))
    .filter(({ stats }) => stats.isDirectory())
    .map(({ name, stats: { mode, uid, gid } }) => `${name} ${mode.toString(8)} ${uid}:${gid}`)
    .sort();
}

for (const [turn, [name, script]] of Object.entries(SCRIPTS).entries())
  for (const user of OF_EACH_USER.includes(name) ? users : userInTurn(turn))
    test(`${name}: a set-gid folder is what it is outside (${user})`, async () => {
      const [inside, outside] = [treeOf(user), treeOf(user)];
      const shell = ['sh', '-ec', `umask 022; HOME=/nonexistent; export HOME; ${script}`];
      const [command = '', ...args] = [...asUser(user), ...shell];
      const expected = spawnSync(command, args, { cwd: outside, encoding: 'utf8' });
      assert.equal(expected.status, 0, expected.stderr);
      const { status, stderr } = await postern(['run', '--writable', inside, '--', ...shell], {
        as: user,
        cwd: inside,
      });
      assert.equal(stderr, '');
      assert.equal(status, 0);
      assert.deepEqual(foldersIn(inside), foldersIn(outside));
      assert.ok(
        foldersIn(inside).some((folder) => / 4[2-7]\d{3} /.test(folder)),
        foldersIn(inside).join(),
      );
    });
