// In a pipeline at a terminal the plugin stays in the process group of the pipeline. kill(2) of the group knows no pid namespace.
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
  test(`a signal to its process group ends no program beside postern (${user})`, async () => {
    const { stdout } = await postern(['run'], { as: user, through });
    assert.match(stdout, /^went on\nended 0 0$/m, stdout);
  });
}
test('it ends the one beside it without the filter and Landlock (user)', async () => {
  const without = ['shared_group', 'landlock'];
  const { stdout } = await postern(['run'], { as: 'user', through, without });
  assert.match(stdout, /^ended 138 138$/m, stdout);
});
