import assert from 'node:assert/strict';
import { mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errnoName } from '../../shared/sys/libc.js';
import { openFolder } from '../../shared/sys/open-folder.js';
import { openInRoot } from '../../shared/sys/open-in-root.js';
import { readableFolder } from '../harness/users.js';

const top = readableFolder();
const root = join(top, 'root');
mkdirSync(join(root, 'a/b'), { recursive: true });
mkdirSync(join(root, 'proc/7'), { recursive: true });
writeFileSync(join(top, 'secret'), '');
for (const file of ['secret', 'a/file', 'a/b/file', 'proc/7/here']) writeFileSync(join(root, file), '');
const links = { up: '../../../secret', absolute: '/a/file', loop: 'loop', folder: 'b', outside: top };
for (const [name, to] of Object.entries(links)) symlinkSync(to, join(root, 'a', name));
const opened = openFolder(root);

/** What a path leads to, from the root, or the errno. */
function find(path: string): string {
  const found = openInRoot({ root: opened.number, self: 7 }, Buffer.from(path));
  if (typeof found === 'number') return errnoName(-found);
  using file = found;
  return readlinkSync(`/proc/self/fd/${file.number}`).replace(root, '') || '/';
}

test('openInRoot() follows links and `..` as a process with that root would', () => {
  const expected = {
    '/a/file': '/a/file',
    '//a/./b/../file': '/a/file',
    '/a/absolute': '/a/file',
    '/a/folder/file': '/a/b/file',
    '/a/folder': '/a/b',
    '/a/folder/': '/a/b',
    '/': '/',
    '/..': '/',
    '/../../secret': '/secret',
    '/a/up': '/secret',
    '/proc/self/here': '/proc/7/here',
    '/proc/thread-self/here': '/proc/7/here',
  };
  for (const [path, to] of Object.entries(expected)) assert.equal(find(path), to, path);
});

test('openInRoot() has the errno of a path that leads nowhere', () => {
  const expected = {
    '/none': 'ENOENT',
    '/none/more': 'ENOENT',
    '/a/file/more': 'ENOTDIR',
    '/a/file/': 'ENOTDIR',
    '/a/loop': 'ELOOP',
    '/a/outside': 'ENOENT',
    [`/${'x'.repeat(300)}`]: 'ENAMETOOLONG',
    [`/${'a/../'.repeat(600)}a`]: 'ENAMETOOLONG',
  };
  for (const [path, errno] of Object.entries(expected)) assert.equal(find(path), errno, path);
});

test('openInRoot() keeps no descriptor', () => {
  const before = openFolder(root);
  const number = before.number;
  before.close();
  for (const path of ['/a/folder/file', '/a/loop', '/none', '/a/file/more', '/a/up']) find(path);
  using after = openFolder(root);
  assert.equal(after.number, number);
});
