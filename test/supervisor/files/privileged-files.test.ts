import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { OwnLinks } from '../../../sandbox/supervisor/files/own-links.js';
import { refusePrivilegedFiles } from '../../../sandbox/supervisor/files/privileged-files.js';
import { readableFolder } from '../../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const OTHER = 12_345;
const REFUSED = { code: 'privileged_file', message: /is set-uid or set-gid/ };
const NO_LINKS = new OwnLinks([], hostFiles);
const ENTRIES = 150_000;

test('refusePrivilegedFiles() finds a program whose name, or whose folder has a name, that is no UTF-8', async () => {
  for (const name of ['t\xe9', 'd\xe9/tool']) {
    const folder = readableFolder();
    mkdirSync(Buffer.from(`${folder}/d\xe9`, 'latin1'));
    const program = Buffer.from(`${folder}/${name}`, 'latin1');
    writeFileSync(program, '');
    await refusePrivilegedFiles(folder, NO_LINKS);
    chmodSync(program, 0o4755);
    await assert.rejects(refusePrivilegedFiles(folder, NO_LINKS), REFUSED);
  }
});

test("refusePrivilegedFiles() finds another owner's program that its group or others may write", {
  skip: isRoot ? false : 'needs root, to own the files',
}, async () => {
  const folder = readableFolder();
  const program = join(folder, 'program');
  writeFileSync(program, '');
  chownSync(program, OTHER, OTHER);
  for (const mode of [0o4775, 0o4757, 0o2775]) {
    chmodSync(program, mode);
    await assert.rejects(refusePrivilegedFiles(folder, NO_LINKS), REFUSED);
  }
  chmodSync(program, 0o4755);
  await refusePrivilegedFiles(folder, NO_LINKS);
});

test('refusePrivilegedFiles() reads a folder with many files', async () => {
  const folder = readableFolder();
  const { status } = spawnSync('sh', ['-c', `seq 1 ${ENTRIES} | xargs touch`], { cwd: folder });
  assert.equal(status, 0);
  await refusePrivilegedFiles(folder, NO_LINKS);
});

test('refusePrivilegedFiles() refuses folders that are nested deeper than a path may be long', async () => {
  const folder = readableFolder();
  after(() => spawnSync('rm', ['-rf', folder]));
  const nest = 'import os\nfor i in range(30): os.mkdir("d" * 200); os.chdir("d" * 200)';
  assert.equal(spawnSync('python3', ['-c', nest], { cwd: folder }).status, 0);
  await assert.rejects(refusePrivilegedFiles(folder, NO_LINKS), {
    code: 'privileged_file',
    message: /^Cannot look for set-uid programs in "[^"]{1,201}": its folders are nested too deep$/,
  });
  rmSync(join(folder, 'none'), { force: true });
});
