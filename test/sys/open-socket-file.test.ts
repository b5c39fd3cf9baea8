import assert from 'node:assert/strict';
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { openSocketFile } from '../../shared/sys/open-socket-file.js';
import { readableFolder } from '../harness/users.js';

const { ELOOP, ENOENT, ENOTDIR, ENOTSOCK } = constants.errno;
const folder = readableFolder();
const at = (...names: readonly string[]): string => join(folder, ...names);
const NOBODY = 65_534;
const isRoot = process.geteuid?.() === 0;
const servers: Server[] = [];

async function serve(path: string): Promise<void> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

/** `socket`, or minus errno. */
function open(path: string): 'socket' | number {
  const file = openSocketFile(path);
  if (typeof file === 'number') return file;
  file.close();
  return 'socket';
}

before(async () => {
  mkdirSync(at('real'));
  await serve(at('real', 'x.sock'));
  writeFileSync(at('file'), '');
});
after(() => {
  for (const server of servers) server.close();
});

test('the file of a socket is opened, and nothing else', () => {
  const cases: readonly [path: string, result: 'socket' | number][] = [
    [at('real', 'x.sock'), 'socket'],
    [at('real', 'y.sock'), -ENOENT],
    [at('nobody', 'x.sock'), -ENOENT],
    [at('file'), -ENOTSOCK],
    [at('real'), -ENOTSOCK],
    [at('file', 'x.sock'), -ENOTDIR],
    [at('real', 'x.sock', 'y'), -ENOTDIR],
    ['/dev/null', -ENOTSOCK],
  ];
  const descriptors = readdirSync('/proc/self/fd').length;
  for (const [path, result] of cases) assert.equal(open(path), result, path);
  assert.equal(readdirSync('/proc/self/fd').length, descriptors);
});

// proves: a link in another folder of root's leads nowhere
test('a link leads nowhere, not even in a folder of root: a plugin of root may have made it', (t) => {
  for (const [name, target] of [
    ['last', 'real/x.sock'],
    ['folder', at('real')],
    ['up', '../real'],
    ['circle', 'circle'],
  ] as const)
    symlinkSync(target, at(name));
  mkdirSync(at('open'));
  symlinkSync(at('real', 'x.sock'), at('open', 'x.sock'));
  chmodSync(at('open'), 0o777);
  t.after(() => {
    for (const name of ['last', 'folder', 'up', 'circle']) rmSync(at(name));
    rmSync(at('open'), { recursive: true });
  });
  assert.equal(open(at('last')), -ELOOP);
  assert.equal(open(at('folder', 'x.sock')), -ELOOP);
  assert.equal(open(at('circle')), -ELOOP);
  assert.equal(open(at('open', 'x.sock')), -ELOOP);
});

// proves: a link that others than root could change leads nowhere
test('a link in / or /var is followed if it is of root', { skip: !isRoot && 'needs root' }, async (t) => {
  const run = mkdtempSync('/run/postern-test-');
  const links = ['/', '/var/'].map((top) => `${top}${basename(run)}`);
  t.after(() => {
    for (const path of [run, ...links]) rmSync(path, { recursive: true, force: true });
  });
  await serve(join(run, 'x.sock'));
  for (const link of links) {
    symlinkSync(run, link);
    assert.equal(open(join(link, 'x.sock')), 'socket', link);
    lchownSync(link, NOBODY, NOBODY);
    assert.equal(open(join(link, 'x.sock')), -ELOOP, link);
  }
});

test('the handle stays with the file that was opened, whatever comes to its path', async () => {
  await serve(at('real', 'old.sock'));
  const file = openSocketFile(at('real', 'old.sock'));
  assert.ok(typeof file !== 'number');
  renameSync(at('real', 'old.sock'), at('real', 'moved.sock'));
  symlinkSync('x.sock', at('real', 'old.sock'));
  assert.equal(readlinkSync(`/proc/self/fd/${file.number}`), at('real', 'moved.sock'));
  file.close();
});
