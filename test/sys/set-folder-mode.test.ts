import assert from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errnoName } from '../../shared/sys/libc.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { type FolderMode, setFolderMode } from '../../shared/sys/set-folder-mode.js';
import { readableFolder } from '../harness/users.js';

const top = readableFolder();
const root = join(top, 'root');
mkdirSync(join(root, 'folder'), { recursive: true });
mkdirSync(join(root, 'other'));
mkdirSync(join(top, 'outside'));
writeFileSync(join(root, 'file'), '');
for (const [name, to] of Object.entries({ link: 'folder', 'to-file': 'file', up: '../outside' }))
  symlinkSync(to, join(root, name));
const opened = openFolder(root);
const MODE = 0o2750;

/** `ok` or the errno. */
function set(path: string, more: Partial<FolderMode> = {}): string {
  for (const name of ['folder', 'other']) chmodSync(join(root, name), 0o755);
  const change = { self: undefined, keepsLink: false, inode: undefined, mode: MODE, ...more };
  const result = setFolderMode({ root: opened.number }, { path: Buffer.from(path), ...change });
  return result === 0 ? 'ok' : errnoName(-result);
}
const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;
/** @param length of the path that leads to it */
const inodeOf = (name: string, length = name.length + 1): FolderMode['inode'] => {
  const { dev, ino } = statSync(join(root, name), { bigint: true });
  return { dev, ino, length };
};

test('setFolderMode() sets the mode of a folder, also through a link', () => {
  for (const path of ['/folder', '/link', '/other/../folder/']) {
    assert.equal(set(path), 'ok', path);
    assert.equal(modeOf(join(root, 'folder')), MODE, path);
  }
  assert.equal(set('/link/', { keepsLink: true }), 'ok');
});

test('setFolderMode() sets the mode of no other file', () => {
  for (const path of ['/file', '/to-file']) assert.equal(set(path), 'EPERM', path);
  assert.equal(set('/link', { keepsLink: true }), 'EOPNOTSUPP');
  assert.equal(set('/none'), 'ENOENT');
  assert.equal(set('/file/'), 'ENOTDIR');
  assert.equal(modeOf(join(root, 'file')) & 0o6000, 0);
});

test('setFolderMode() leaves the root by no link', () => {
  assert.equal(set('/up'), 'ENOENT');
  assert.equal(set('/../outside'), 'ENOENT');
  assert.equal(modeOf(join(top, 'outside')) & 0o6000, 0);
});

// proves: folder modes: a descriptor means its own folder, and not another one at its path
test('setFolderMode() changes the folder that is meant, and not another one at its path', () => {
  assert.equal(set('/folder', { inode: inodeOf('folder') }), 'ok');
  assert.equal(set('/folder', { inode: inodeOf('other', '/folder'.length) }), 'ESTALE');
  assert.equal(modeOf(join(root, 'folder')), 0o755);
});

// proves: folder modes: a relative path begins at its own folder, and not at another one at its path
test('setFolderMode() begins at the folder that is meant, and at no other one at its path', () => {
  mkdirSync(join(root, 'folder/inner'));
  const begin = '/folder'.length;
  assert.equal(set('/folder/inner', { inode: inodeOf('other', begin) }), 'ESTALE');
  assert.notEqual(modeOf(join(root, 'folder/inner')), MODE);
  assert.equal(set('/none/inner', { inode: inodeOf('folder', '/none'.length) }), 'ENOENT');
  assert.equal(set('/folder/inner', { inode: inodeOf('folder', begin) }), 'ok');
  assert.equal(modeOf(join(root, 'folder/inner')), MODE);
});
