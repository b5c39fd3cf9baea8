import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { walkFolder } from '../../../sandbox/supervisor/files/walk-folder.js';
import { readableFolder } from '../../harness/users.js';

const FOLDERS = 20;

// proves: folders that are beside each other are bounded
test('walkFolder() keeps no more folders that are beside each other than it may, and any number below each other', async () => {
  const [wide, deep] = [readableFolder(), readableFolder()];
  for (let number = 0; number < FOLDERS; number += 1) mkdirSync(join(wide, String(number)));
  mkdirSync(join(deep, 'd/'.repeat(FOLDERS)), { recursive: true });
  assert.deepEqual(await walked(wide, FOLDERS - 1), { tooMany: 'folders', entered: 1 });
  assert.deepEqual(await walked(wide, FOLDERS), { tooMany: undefined, entered: FOLDERS + 1 });
  assert.deepEqual(await walked(deep, 1), { tooMany: undefined, entered: FOLDERS + 1 });
});

async function walked(top: string, mostWaiting: number): Promise<object> {
  let entered = 0;
  const tooMany = await walkFolder(top, {
    mostEntries: Number.POSITIVE_INFINITY,
    mostWaiting,
    enters: () => {
      entered += 1;
      return true;
    },
    look: () => {},
    onUnread: (folder, code) => assert.fail(`${folder}: ${code}`),
  });
  return { tooMany, entered };
}
