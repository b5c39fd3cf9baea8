import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPipes } from '../../../sandbox/supervisor/files/find-pipes.js';
import { folderOfNames, turnsDuring } from '../../harness/many-names.js';
import { readableFolder } from '../../harness/users.js';

test('findPipes() finds each pipe below a folder, follows no link, and takes a pipe itself', async () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(join(folder, 'a/file'), '');
  const pipes = ['a/b/one', 'two'].map((name) => join(folder, name));
  for (const pipe of pipes) assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  symlinkSync(join(folder, 'a'), join(folder, 'link'));
  const found = await findPipes(folder);
  assert.deepEqual([...found.pipes].sort(), pipes);
  assert.ok(found.complete);
  assert.deepEqual(await findPipes(pipes[1] ?? ''), {
    pipes: [pipes[1]],
    crowded: [],
    folders: [],
    complete: true,
  });
  assert.deepEqual(await findPipes(join(folder, 'none')), {
    pipes: [],
    crowded: [],
    folders: [],
    complete: true,
  });
});

test('findPipes() names the innermost folder with a name in UTF-8 above a pipe that has none', async () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'a'));
  mkdirSync(bytesPath(folder, 'b\xe9'));
  for (const pipe of [bytesPath(join(folder, 'a'), 'p\xe9'), bytesPath(folder, 'b\xe9/x')])
    assert.equal(spawnSync('sh', ['-c', `mkfifo "$(printf '${octal(pipe)}')"`]).status, 0);
  const found = await findPipes(folder);
  assert.deepEqual(found.pipes, []);
  assert.deepEqual([...found.folders].sort(), [folder, join(folder, 'a')]);
});

// proves: a folder of many names does not hold up other work
test('findPipes() reads a folder in turns, and no further than the names that it looks at', async () => {
  const folder = folderOfNames(20_000);
  assert.equal((await findPipes(folder)).complete, true);
  const [all, none] = [await turnsDuring(findPipes(folder)), await turnsDuring(findPipes(folder, 100))];
  assert.equal((await findPipes(folder, 19_999)).complete, false);
  assert.ok(all > 10 && none < all / 5, `${all} turns, and ${none}`);
});

const bytesPath = (folder: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, 'latin1')]);
const octal = (path: Buffer): string =>
  [...path].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
