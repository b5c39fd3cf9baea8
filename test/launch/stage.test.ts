// The launcher builds the root in places that a plugin may change at the same time. Here the place is as the plugin left it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readableFolder } from '../harness/users.js';

const STAGE = pathToFileURL(
  fileURLToPath(new URL('../../sandbox/launch/build-root.js', import.meta.url)),
).href;
const HIDE_PATHS = new URL('../../sandbox/launch/build-root.js', import.meta.url).href;
/** In its own mount namespace: a tmpfs as the stage, with a folder of the host attached at /tree, and its entries directly below the root. */
const BUILD = `
const { mkdirSync, readdirSync, statSync, writeFileSync } = await import('node:fs');
const { execFileSync } = await import('node:child_process');
const { Stage } = await import(${JSON.stringify(STAGE)});
const { HiddenPaths } = await import(${JSON.stringify(HIDE_PATHS)});
const [workplace, tree, ...attempts] = process.argv.slice(1);
const stagePath = workplace + '/root';
execFileSync('mount', ['-t', 'tmpfs', 'none', workplace]);
mkdirSync(stagePath);
execFileSync('mount', ['-t', 'tmpfs', 'none', stagePath]);
mkdirSync(stagePath + '/tree');
execFileSync('mount', ['--rbind', tree, stagePath + '/tree']);
for (const name of attempts.includes('bind each') ? readdirSync(tree) : []) {
  if (statSync(tree + '/' + name).isDirectory()) mkdirSync(stagePath + '/' + name);
  else writeFileSync(stagePath + '/' + name, '');
  execFileSync('mount', ['--bind', tree + '/' + name, stagePath + '/' + name]);
}
const stage = new Stage(stagePath, workplace);
const hidden = new HiddenPaths(stage);
for (const attempt of attempts) {
  const [how, path, kind] = attempt.split(' ');
  try {
    if (how === 'bind') continue;
    if (how === 'hide') hidden.hide(path, kind === 'folder');
    else if (how === 'mount') stage.mountOn(path, 'tmpfs', 0, '').close();
    else stage[how](path, kind === 'folder').close();
    console.log(attempt + ': done');
  } catch (error) { console.log(attempt + ': ' + error.code); }
}
console.log(execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' }).split('\\n')
  .map((line) => line.split(' ')[4]).filter((point) => point?.startsWith(stagePath)).map((point) => point.slice(stagePath.length)).join(' '));
`;

function build(tree: string, attempts: readonly string[]): string[] {
  const stage = readableFolder();
  const node = [process.execPath, '--input-type=module', '-e', BUILD, '--', stage, tree, ...attempts];
  const { stdout, stderr } = spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--', ...node], {
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  return stdout.trimEnd().split('\n');
}

// proves: no mount point is found through a link of a plugin
// proves: no mount point is made in an attached tree
test('Stage follows no link of an attached tree, and makes nothing in it', () => {
  const folder = readableFolder();
  for (const name of ['tree/there', 'outside/there']) mkdirSync(join(folder, name), { recursive: true });
  symlinkSync(join(folder, 'outside'), join(folder, 'tree/link'));
  symlinkSync('there', join(folder, 'tree/inner'));
  const lines = build(join(folder, 'tree'), [
    'place /tree/link/made folder',
    'place /tree/link/made file',
    'place /tree/link folder',
    'find /tree/link/there folder',
    'mount /tree/link/there',
    'place /tree/inner/made folder',
    'place /tree/made folder',
    'place /tree/made file',
    'place /tree/made/deep folder',
    'find /tree/made folder',
    'mount /tree/made',
  ]);
  const outcomes = lines.map((line) => line.split(': ')[1]);
  assert.deepEqual(outcomes.slice(0, 6), Array(6).fill('ELOOP'));
  assert.deepEqual(outcomes.slice(6, 11), Array(5).fill('ENOENT'));
  assert.equal(lines[11], ' /tree');
  assert.deepEqual(readdirSync(join(folder, 'outside')), ['there']);
  assert.deepEqual(readdirSync(join(folder, 'outside/there')), []);
  assert.deepEqual(readdirSync(join(folder, 'tree')).sort(), ['inner', 'link', 'there']);
  assert.ok(!existsSync(join(folder, 'tree/there/made')));
});

test("Stage makes what is missing in the launcher's own file systems, also within an attached tree", () => {
  const folder = readableFolder();
  mkdirSync(join(folder, 'tree/there'), { recursive: true });
  const lines = build(join(folder, 'tree'), [
    'place /a/b folder',
    'place /a/b/file file',
    'place /a/b folder',
    'place /tree/there folder',
    'mount /tree/there',
    'place /tree/there/made/deep folder',
    'mount /tree/there/made/deep',
    'find /tree/there/made/deep folder',
    'find /a/c folder',
  ]);
  assert.deepEqual(
    lines.slice(0, 9).map((line) => line.split(': ')[1]),
    [...Array(8).fill('done'), 'ENOENT'],
  );
  assert.equal(lines[9], ' /tree /tree/there /tree/there/made/deep');
  assert.deepEqual(readdirSync(join(folder, 'tree/there')), []);
});

// proves: the launcher's own file for a hidden path lies outside of the root
// proves: the launcher's own folder for a new mount lies outside of the root
test('no name of the host directly below / is one that the launcher uses itself', () => {
  const folder = readableFolder();
  const names = ['hidden', 'aside', 'root', 'secret'];
  for (const name of names) writeFileSync(join(folder, name), `of the host: ${name}`);
  for (const name of ['hidden.d', 'aside.d']) mkdirSync(join(folder, name));
  const besideFiles = [
    'bind each',
    'hide /secret file',
    'hide /aside.d folder',
    'mount /hidden.d',
    'hide /hidden file',
  ];
  assert.deepEqual(outcomesOf(build(folder, besideFiles)), Array(4).fill('done'));
  for (const name of names) assert.equal(readFileSync(join(folder, name), 'utf8'), `of the host: ${name}`);

  const folders = readableFolder();
  for (const name of ['hidden', 'aside', 'root', 'other']) mkdirSync(join(folders, name));
  writeFileSync(join(folders, 'aside/file'), 'of the host');
  writeFileSync(join(folders, 'secret'), 'of the host');
  const besideFolders = ['bind each', 'hide /secret file', 'mount /other', 'hide /aside folder'];
  assert.deepEqual(outcomesOf(build(folders, besideFolders)), Array(3).fill('done'));
  assert.deepEqual(readdirSync(folders).sort(), ['aside', 'hidden', 'other', 'root', 'secret']);
  assert.equal(readFileSync(join(folders, 'aside/file'), 'utf8'), 'of the host');
});

function outcomesOf(lines: readonly string[]): unknown[] {
  return lines.flatMap((line) => line.split(': ')[1] ?? []);
}
