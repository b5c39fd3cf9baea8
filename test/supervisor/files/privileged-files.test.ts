import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hostFiles } from '../../../sandbox/supervisor/files/host-files.js';
import { OwnLinks, refusePrivilegedFiles } from '../../../sandbox/supervisor/files/privileged-files.js';
import { folderOfNames, turnsDuring } from '../../harness/many-names.js';
import { readableFolder } from '../../harness/users.js';

const isRoot = process.geteuid?.() === 0;
const OTHER = 12_345;
const REFUSED = { code: 'privileged_file', message: /is set-uid or set-gid/ };
const NO_LINKS = new OwnLinks([], hostFiles);
const NAMES = 120_000;

// proves: a set-uid program whose name is no UTF-8 is found
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

// proves: another owner's set-uid program that a group or others may write is not writable
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

// proves: a folder of many names does not hold up other work
test('refusePrivilegedFiles() reads a folder of many names in turns, and keeps none of them', async () => {
  const folder = folderOfNames(NAMES);
  const turns = await turnsDuring(refusePrivilegedFiles(folder, NO_LINKS));
  assert.ok(turns > NAMES / 2_000, `${turns} turns for ${NAMES} names`);
  const [few, many] = [memoryOfWalk(folderOfNames(100)), memoryOfWalk(folder)];
  assert.ok(few > 0 && many < 1.6 * few, `${few} KiB for few names, ${many} KiB for ${NAMES}`);
});

// proves: a writable folder with more entries than are looked at is refused
test('refusePrivilegedFiles() refuses a folder with more entries than it looks at, wherever they are', async () => {
  const folder = folderOfNames(3);
  mkdirSync(join(folder, 'below'));
  await refusePrivilegedFiles(folder, NO_LINKS, 4);
  writeFileSync(join(folder, 'below/one-more'), '');
  await refusePrivilegedFiles(folder, NO_LINKS, 5);
  await assert.rejects(refusePrivilegedFiles(folder, NO_LINKS, 4), {
    code: 'privileged_file',
    message: `Cannot look for set-uid programs in "${folder}": it has more than 4 files and folders`,
  });
});

// proves: folders that are nested too deep to look for set-uid programs are not writable
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

/** @returns the largest memory of a process that looks through the folder, in KiB */
function memoryOfWalk(folder: string): number {
  const files = new URL('../../../sandbox/supervisor/files/', import.meta.url);
  const program = `
    const { refusePrivilegedFiles } = await import('${new URL('privileged-files.js', files)}');
    await refusePrivilegedFiles(${JSON.stringify(folder)}, { refuse: () => {} });
    console.log(process.resourceUsage().maxRSS);`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return Number.parseInt(stdout, 10);
}
