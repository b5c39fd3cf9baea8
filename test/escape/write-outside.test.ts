import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { postern } from '../harness/postern.js';
import { readableFolder, users } from '../harness/users.js';

/** A folder that anyone may write, shown as the working directory: only the sandbox keeps the plugin from writing there. */
async function writes(user: (typeof users)[number], without: readonly string[]): Promise<boolean> {
  const folder = join(readableFolder(), 'open');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  await postern(['run', '--cwd', folder, '--', 'sh', '-c', 'echo out >escaped'], {
    as: user,
    ...(without.length === 0 ? {} : { without }),
  });
  return existsSync(join(folder, 'escaped'));
}

for (const user of users) {
  test(`the working directory is not written, by its mount with Landlock or without, and is once neither is there (${user})`, async () => {
    assert.equal(await writes(user, []), false);
    assert.equal(await writes(user, ['landlock']), false);
    assert.equal(await writes(user, ['landlock', 'readonly']), true);
  });
}
