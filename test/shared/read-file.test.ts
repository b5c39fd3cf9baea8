import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { readAtMost } from '../../shared/read-file.js';
import { readableFile } from '../harness/users.js';

function read(path: string, most: number): string | undefined {
  const fd = openSync(path, 'r');
  try {
    return readAtMost(fd, most)?.toString();
  } finally {
    closeSync(fd);
  }
}

// proves: a configuration without an end is not read without end
test('readAtMost() returns a whole file, and nothing of a larger one', () => {
  const text = 'x'.repeat(100_000);
  const file = readableFile('text', text);
  assert.equal(read(file, 100_000), text);
  assert.equal(read(file, 99_999), undefined);
  assert.equal(read(readableFile('empty', ''), 0), '');
});

test('readAtMost() ends where a file does not', () => {
  assert.equal(read('/dev/zero', 200_000), undefined);
  // Of size 0 for stat(2), and of terabytes for read(2).
  assert.equal(read('/proc/self/pagemap', 200_000), undefined);
});
