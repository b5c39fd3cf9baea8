import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyUser, twin } from '../harness/asked.js';
import { postern } from '../harness/postern.js';
import { readableFolder, type User, users } from '../harness/users.js';

const PROGRAM = readFileSync(new URL('./hidden-path.py', import.meta.url), 'utf8');
const EROFS = 30;

/** A folder that every user may write, with secrets that every user may read. Only the sandbox protects them. */
function folderOfSecrets(): string {
  const folder = readableFolder();
  for (const name of ['shown/inner', 'keys/deep', 'keys/visible'])
    mkdirSync(join(folder, name), { recursive: true });
  for (const name of ['', 'shown', 'shown/inner', 'keys', 'keys/deep', 'keys/visible'])
    chmodSync(join(folder, name), 0o777);
  for (const name of ['shown/key', 'keys/key', 'keys/deep/key'])
    writeFileSync(join(folder, name), 'SECRET\n', { mode: 0o666 });
  writeFileSync(join(folder, 'open'), 'yes\n');
  writeFileSync(join(folder, 'keys/visible/file'), 'shown\n');
  symlinkSync('shown/key', join(folder, 'link-to-key'));
  symlinkSync('keys', join(folder, 'link-to-keys'));
  return folder;
}

async function look(user: User, without: readonly string[]): Promise<Map<string, string>> {
  const folder = folderOfSecrets();
  const { stdout, stderr } = await postern(
    [
      ...['run', '--writable', folder],
      ...['--hidden', join(folder, 'shown/key'), '--hidden', join(folder, 'keys')],
      ...['--visible', join(folder, 'keys/visible')],
      ...['--', '/usr/bin/python3', '-c', PROGRAM, folder],
    ],
    { as: user, ...(without.length === 0 ? {} : { without }) },
  );
  assert.notEqual(stdout, '', stderr);
  const found = [...stdout.matchAll(/^result (\S+) (.*)$/gm)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return new Map(found);
}

/** A file system that is mounted in a hidden folder, and again in one that shows. */
const MOUNTED_TWICE = ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-c'];
const MOUNT = (folder: string): string =>
  `mount -t tmpfs -o mode=755 none ${folder}/secret/data && echo SECRET > ${folder}/secret/data/key &&
  mount --bind ${folder}/secret/data ${folder}/shown && exec "$@"`;

for (const user of users) {
  // proves: what is mounted below a hidden folder is hidden elsewhere too
  test(`what is mounted below a hidden folder is hidden at its other paths (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = readableFolder();
    for (const name of ['secret/data', 'shown']) mkdirSync(join(folder, name), { recursive: true });
    const { stdout, stderr } = await postern(
      [
        ...['run', '--visible', folder, '--hidden', join(folder, 'secret'), '--'],
        ...['sh', '-c', `ls ${folder}; cat ${folder}/shown/key ${folder}/secret/data/key`],
      ],
      { as: user, inside: [...MOUNTED_TWICE, MOUNT(folder), 'sh'] },
    );
    assert.equal(stdout, 'secret\nshown\n', stderr);
  });

  // proves: a proc of the host's below a shown folder is covered
  test(`a proc of the host below a shown folder is hidden (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = readableFolder();
    const root = join(folder, 'root');
    for (const name of ['proc', 'kept/proc']) mkdirSync(join(root, name), { recursive: true });
    // One lies within another, and one in a hidden folder: there is nothing left to cover.
    const mounted = `mount -t proc proc ${root}/proc && mount -t mqueue mqueue ${root}/proc/sys && mount -t proc proc ${root}/kept/proc && exec "$@"`;
    const { stdout, stderr } = await postern(
      [
        ...['run', '--visible', root, '--hidden', join(root, 'kept'), '--'],
        ...['sh', '-c', `ls ${root}/proc ${root}/kept; echo done`],
      ],
      { as: user, inside: [...MOUNTED_TWICE, mounted, 'sh'] },
    );
    assert.equal(stdout, `${root}/kept:\n\n${root}/proc:\ndone\n`, stderr);
    assert.match(stderr, /root\/proc" is hidden: it is a proc file system of the host/);
  });

  // proves: a name that is not UTF-8 leaves no file system of the kernel uncovered
  test(`a proc of the host at a path that is not UTF-8 refuses the start (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = readableFolder();
    const mounted = `name=$(printf 'c\\377'); mkdir -p ${folder}/$name/proc && mount -t proc proc ${folder}/$name/proc && exec "$@"`;
    const { status, stdout, stderr } = await postern(
      ['run', '--visible', folder, '--', 'sh', '-c', `ls ${folder}/*/proc; echo done`],
      { as: user, inside: [...MOUNTED_TWICE, mounted, 'sh'] },
    );
    assert.deepEqual([status, stdout], [125, ''], stderr);
    assert.match(stderr, /Cannot hide the proc file system of the host at ".*": its path is not UTF-8/);
  });

  // proves: a file system of the kernel in what a plugin may write is refused
  test(`a proc of the host in a folder that a plugin may write refuses each start that shows it (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = readableFolder();
    const root = join(folder, 'root');
    for (const name of ['root/own/proc', 'root/part', 'other'])
      mkdirSync(join(folder, name), { recursive: true });
    const mounted = [...MOUNTED_TWICE, `mount -t proc proc ${root}/own/proc && exec "$@"`, 'sh'];
    const inside = { as: user, inside: mounted };
    const program = ['--', 'sh', '-c', `ls ${root}/own/proc; echo done`];
    const { status, stdout, stderr } = await postern(['run', '--writable', root, ...program], inside);
    assert.deepEqual([status, stdout], [125, ''], stderr);
    assert.match(
      stderr,
      /A proc file system of the host is mounted at ".*\/own\/proc" in ".*\/root", which the plugin ".*" may write/,
    );
    const file = join(folder, 'postern.yaml');
    const plugin = (name: string, files: string): string =>
      `  ${name}: {command: [ls], cwd: ${folder}/other, filesystem: {${files}}}\n`;
    writeFileSync(
      file,
      `plugins:\n${plugin('writes', `writable: [${root}]`)}${plugin('sees', `visible: [${root}]`)}${plugin('apart', `visible: [${folder}/other]`)}`,
    );
    const checked = await postern(['check', file], inside);
    assert.deepEqual(
      [...checked.stdout.matchAll(/plugins\.(\w+)\b.*mounted at/g)].map(([, name]) => name),
      ['writes', 'sees'],
      checked.stdout,
    );
  });
}

for (const user of anyUser) {
  // proves: a file system of the kernel is not shown by its name
  // proves: a working directory in a file system of the kernel is covered
  test(`a file system of the kernel shows at no path that is named, and at no working directory (${user})`, {
    skip: process.geteuid?.() === 0 ? false : 'needs root, to mount',
  }, async () => {
    const folder = join(readableFolder(), 'one');
    mkdirSync(folder);
    const start = (type: string, options: readonly string[]) =>
      postern(['run', ...options, '--', 'sh', '-c', `ls ${folder}; echo done`], {
        as: user,
        inside: [...MOUNTED_TWICE, `mount -t ${type} ${type} ${folder} && exec "$@"`, 'sh'],
      });
    for (const type of ['proc', 'sysfs', 'mqueue']) {
      for (const option of ['--visible', '--writable']) {
        const { status, stdout, stderr } = await start(type, [option, folder]);
        assert.deepEqual([status, stdout], [125, ''], stderr);
        assert.match(stderr, new RegExp(`one": it belongs to a ${type} file system of the host`));
      }
    }
    const { stdout, stderr } = await start('proc', ['--cwd', folder]);
    assert.equal(stdout, 'done\n');
    assert.match(stderr, /one" is hidden: it is a proc file system of the host/);
  });

  test(`a folder of sysfs shows if it is named, and is not writable (${user})`, async () => {
    const cpu = '/sys/devices/system/cpu';
    const shown = await postern(['run', '--visible', cpu, '--', 'ls', cpu], { as: user });
    assert.match(shown.stdout, /^cpu0$/m, shown.stderr);
    const { status, stderr } = await postern(['run', '--writable', cpu, '--', 'true'], { as: user });
    assert.equal(status, 125);
    assert.match(stderr, /Cannot make writable "\/sys\/devices\/system\/cpu": it belongs to a sysfs/);
    for (const path of ['/proc/sys', '/sys', '/proc']) {
      const refused = await postern(['run', '--visible', path, '--', 'true'], { as: user });
      assert.match(refused.stderr, /Cannot show .*file system of the host/, path);
    }
  });
}

for (const user of users) {
  // proves: root: what is hidden is covered
  test(`a hidden file or folder is read by no path, link, descriptor, mount or rename (${user})`, async () => {
    const found = await look(user, []);
    assert.equal(found.get('ready'), 'yes');
    assert.equal(found.get('visible_inside'), 'shown', 'what is visible within what is hidden shows');
    assert.equal(found.get('written'), String(EROFS));
    assert.deepEqual(
      [...found].filter(([, value]) => value === 'SECRET'),
      [],
    );
    assert.ok([...found].filter(([, value]) => value === 'nothing').length >= 38, [...found].join(' '));
  });

  twin(`all of them read hidden files once the protection is off (${user})`, async () => {
    const found = await look(user, ['hidden']);
    for (const way of [
      'path',
      'root',
      'dots',
      'descriptor',
      'descriptor_path',
      'relative',
      'cwd',
      'own_link',
    ]) {
      assert.equal(found.get(`file_${way}`), 'SECRET', `file_${way}`);
      assert.equal(found.get(`deep_${way}`), 'SECRET', `deep_${way}`);
    }
    assert.equal(found.get('link'), 'SECRET');
  });
}
