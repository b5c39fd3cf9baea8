import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { readFolder } from '../../../sandbox/supervisor/files/walk-folder.js';
import { folderOfNames } from '../../harness/many-names.js';

const NAMES = 5_000;

// proves: a folder is read in parts
test('readFolder() reads a folder in parts, each name once, and no more of it than is asked for', () => {
  const folder = Buffer.from(folderOfNames(NAMES));
  const names = new Set<string>();
  for (const part of readFolder(folder, assert.fail)) {
    assert.ok(part.length < NAMES / 5, `a part has ${part.length} of ${NAMES} names`);
    for (const { name } of part) names.add(name.toString());
  }
  assert.equal(names.size, NAMES);
  const before = readdirSync('/proc/self/fd').length;
  for (const _part of readFolder(folder, assert.fail)) break;
  assert.equal(readdirSync('/proc/self/fd').length, before);
});

test('readFolder() says why it cannot read a folder', () => {
  const codes: string[] = [];
  for (const _part of readFolder(Buffer.from('/proc/self/none'), (code) => codes.push(code))) assert.fail();
  assert.deepEqual(codes, ['ENOENT']);
});
