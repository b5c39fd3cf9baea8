import assert from 'node:assert/strict';
import { fstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemError } from '../../shared/sys/libc.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { readableFolder } from '../harness/users.js';

const fails = (path: string, code: string): void =>
  assert.throws(
    () => openFolder(path).close(),
    (error) => error instanceof SystemError && error.code === code,
    path,
  );

// proves: home: its path leads through no link
test('openFolder() opens a folder, and none whose path leads through a link', () => {
  const top = readableFolder();
  mkdirSync(join(top, 'a/b'), { recursive: true });
  writeFileSync(join(top, 'file'), '');
  symlinkSync('b', join(top, 'a/last'));
  symlinkSync('a', join(top, 'above'));
  using folder = openFolder(join(top, 'a/b'));
  assert.equal(fstatSync(folder.number).ino, statSync(join(top, 'a/b')).ino);
  for (const path of ['a/last', 'above/b', 'above', 'a/../above/b']) fails(join(top, path), 'ELOOP');
  fails(join(top, 'absent'), 'ENOENT');
  fails(join(top, 'file'), 'ENOTDIR');
});
