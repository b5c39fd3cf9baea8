// In a pipeline at a terminal the plugin stays in the process group of the pipeline. A call on the group ignores pid namespaces.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFile, users } from '../harness/users.js';

const driver = readableFile(
  'shared-group.py',
  readFileSync(new URL('shared-group.py', import.meta.url), 'utf8'),
);
const through = ['/usr/bin/python3', driver];

for (const user of users) {
  test(`a plugin neither signals nor renices a program beside postern in its process group (${user})`, async () => {
    const { stdout } = await postern(['run'], { as: user, through });
    assert.match(stdout, /^nice 0\nwent on\nended 0 0$/m, stdout);
  });
}
test('it renices and ends the one beside it without the filter and Landlock (user)', async () => {
  const without = ['shared_group', 'landlock'];
  const { stdout } = await postern(['run'], { as: 'user', through, without });
  assert.match(stdout, /^nice 7\n[\s\S]*^ended 138 138$/m, stdout);
});
