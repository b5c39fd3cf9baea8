// A plugin sets the set-gid bit of files in a writable folder of the host. A program with it would run with the group of its file. A folder may
// have the bit. The judge looks at the files from outside.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, userInTurn } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { distFor, readableFolder, type User, users } from '../harness/users.js';

const SET_IDS = 0o6000;
const EXCHANGES = 10_000;
const CALLS = 2_000;
/** So many calls at least must find the folder, and so many the file. */
const EACH = 50;
const isRoot = process.geteuid?.() === 0;
const source = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

/** A folder with one of each kind of file, all of them the user's. */
function treeOf(user: User): string {
  const tree = join(readableFolder(), 'tree');
  mkdirSync(join(tree, 'folder'), { recursive: true });
  writeFileSync(join(tree, 'file'), '');
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  const bind = 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])';
  execFileSync('/usr/bin/python3', ['-c', bind, join(tree, 'socket')]);
  symlinkSync('file', join(tree, 'to-file'));
  symlinkSync('folder', join(tree, 'to-folder'));
  for (const name of ['folder', 'file', 'fifo', 'socket', '.']) own(join(tree, name), user);
  return tree;
}

function own(path: string, user: User): void {
  chmodSync(path, 0o755);
  if (isRoot && user === 'user') chownSync(path, 65_534, 65_534);
}

// With `channel` a filter refuses all of it.
// proves: seccomp.set_gid_modes
// proves: folder modes: only a folder gets the set-gid bit
for (const egress of ['transparent', 'channel'] as const)
  for (const user of egress === 'transparent' ? users : anyUser)
    test(`A set-gid or set-uid file, and a folder that is not the plugin's: refused, and nothing is heard (${egress}, ${user})`, async () => {
      const tree = treeOf(user);
      const shown = join(readableFolder(), 'shown');
      mkdirSync(shown);
      own(shown, user);
      const closed = readableFolder();
      const { stdout, stderr } = await postern(
        [
          ...['run', '--egress', egress, '--writable', tree, '--visible', shown, '--'],
          ...['/usr/bin/python3', '-c', source('set-gid.py'), tree, shown, '/usr', closed],
        ],
        { as: user },
      );
      assert.equal(stderr, '');
      const found = new Map(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/ (.*)/) as [string, string]),
      );
      const elsewhere = ['Read-only file system', 'Read-only file system', 'No such file or directory'];
      for (const [index, outcome] of elsewhere.entries()) {
        const name = `elsewhere_${index}`;
        assert.equal(found.get(name), egress === 'channel' ? 'Operation not permitted' : outcome, name);
        found.delete(name);
      }
      assert.equal(found.size, 21);
      const ofLink = egress === 'channel' ? 'Operation not permitted' : 'Operation not supported';
      for (const [name, outcome] of found)
        assert.equal(outcome, name === 'link_itself' ? ofLink : 'Operation not permitted', name);
      for (const name of ['folder', 'file', 'fifo', 'socket'])
        assert.equal(modeOf(join(tree, name)) & SET_IDS, 0, name);
      for (const path of [shown, closed, '/usr']) assert.equal(modeOf(path) & SET_IDS, 0, path);
    });

// proves: folder modes: the file that was checked gets the mode, and not another one at its path
for (const [turn, way] of (['name', 'descriptor'] as const).entries())
  for (const user of userInTurn(turn))
    test(`While a folder and a file exchange their ${way}, the file never gets the set-gid bit (${user})`, async () => {
      const tree = treeOf(user);
      const inside = join(tree, 'folder/inside');
      writeFileSync(inside, '');
      const { stdout, stderr } = await postern(
        [
          ...['run', '--writable', tree, '--'],
          ...[
            '/usr/bin/python3',
            '-c',
            source('set-gid-race.py'),
            tree,
            way,
            String(EXCHANGES),
            String(CALLS),
            String(EACH),
          ],
        ],
        { as: user },
      );
      assert.equal(stderr, '');
      const counts = stdout.trim().split(' ').map(Number);
      assert.ok(counts.length === 2 && counts.every((count) => count >= EACH), stdout);
      const [folder, file] = ['folder', 'file'].map((name) => lstatSync(join(tree, name)));
      const modes = [folder, file].map((stats) => [stats?.isDirectory(), (stats?.mode ?? 0) & 0o7777]);
      assert.deepEqual(
        new Map(modes as [boolean, number][]),
        new Map([
          [true, 0o2755],
          [false, 0o755],
        ]),
      );
    });

// proves: folder modes: the thread has the plugin's ids
test('as root, a folder of another owner keeps its mode, where the file system cannot map ids', {
  skip: isRoot ? false : 'needs root, to own the files',
}, async () => {
  const there = join(readableFolder(), 'there');
  mkdirSync(there);
  const mount = `mount -t ramfs none ${there} && chmod 777 ${there} && mkdir ${there}/folder && chown 12345 ${there}/folder`;
  const program = `import os; os.mkdir("${there}/own"); os.chmod("${there}/own", 0o2755); os.chmod("${there}/folder", 0o2755)`;
  const judge = `"$@"; stat -c %a ${there}/own ${there}/folder`;
  const { stdout, stderr } = await postern(
    ['run', '--writable', there, '--', '/usr/bin/python3', '-c', program],
    { as: 'root', inside: ['unshare', '--mount', 'sh', '-c', `${mount} && ${judge}`, 'sh'] },
  );
  assert.match(stderr, /PermissionError: \[Errno 1\] Operation not permitted: '[^']*folder'/);
  assert.equal(stdout, '2755\n755\n');
});

// proves: folder modes: the thread has none of a user's capabilities
test("a user's capabilities do not reach the folders of others", {
  skip: isRoot ? false : 'needs root, to give a user capabilities',
}, async () => {
  const tree = treeOf('user');
  chownSync(join(tree, 'folder'), 12_345, 12_345);
  const ids = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const given = ['--inh-caps=+fowner,+fsetid', '--ambient-caps=+fowner,+fsetid'];
  const program = `import os; os.mkdir("own"); os.chmod("own", 0o2755); os.chmod("folder", 0o2755)`;
  const { stderr } = await postern(['run', '--writable', tree, '--', '/usr/bin/python3', '-c', program], {
    as: 'root',
    cwd: tree,
    dist: distFor('user'),
    inside: ['setpriv', ...ids, ...given, '--'],
  });
  assert.match(stderr, /PermissionError: \[Errno 1\] Operation not permitted: 'folder'/);
  assert.deepEqual([modeOf(join(tree, 'own')), modeOf(join(tree, 'folder'))], [0o2755, 0o755]);
});
