import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { withRoom } from './full-disk.js';

test('a full disk ends the process with one sentence that names the folder', () => {
  const program = `
    import { writeFileSync } from 'node:fs';
    import { withRoom } from '${new URL('./full-disk.js', import.meta.url)}';
    withRoom('/dev', () => writeFileSync('/dev/full', 'more'));
    console.log('goes on');`;
  const words = ['--input-type=module', '-e', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [2, '', 'Cannot run tests: no space left in "/dev"\n']);
});

test('another error, and a result, pass on', () => {
  const other = new Error('other');
  assert.throws(
    () =>
      withRoom('/dev', () => {
        throw other;
      }),
    other,
  );
  assert.equal(
    withRoom('/dev', () => 5),
    5,
  );
});
