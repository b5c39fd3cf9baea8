import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPipes } from '../../../sandbox/supervisor/files/find-pipes.js';
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
  assert.deepEqual(await findPipes(pipes[1] ?? ''), { pipes: [pipes[1]], complete: true });
  assert.deepEqual(await findPipes(join(folder, 'none')), { pipes: [], complete: true });
});
