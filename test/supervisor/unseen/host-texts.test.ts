import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hostTexts } from '../../../sandbox/supervisor/unseen/unseen-files.js';
import { readableFolder } from '../../harness/users.js';

const { isPublic, readText } = hostTexts;

test('readText() reads the beginning of a regular file, waits for no pipe, and returns no binary program', () => {
  const folder = readableFolder();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('script'), '#!/bin/sh\n');
  writeFileSync(at('large'), 'x'.repeat(1_000_000));
  writeFileSync(at('program'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0]));
  execFileSync('mkfifo', [at('pipe')]);
  assert.equal(readText(at('script')), '#!/bin/sh\n');
  assert.equal(readText(at('large'))?.length, 65_536);
  for (const name of ['program', 'pipe', 'absent', '.']) assert.equal(readText(at(name)), undefined, name);
});

test('isPublic() is true for files that every user may read, and false below a closed folder', () => {
  const folder = readableFolder();
  const at = (name: string): string => join(folder, name);
  mkdirSync(at('open/closed/inner'), { recursive: true });
  for (const name of ['open/file', 'open/closed/file', 'open/closed/inner/file']) writeFileSync(at(name), '');
  symlinkSync('closed/file', at('open/link'));
  for (const [name, mode] of [
    ['open', 0o755],
    ['open/file', 0o644],
    ['open/closed', 0o755],
  ] as const)
    chmodSync(at(name), mode);
  for (const name of ['open', 'open/file', 'open/closed/file', 'open/link'])
    assert.ok(isPublic(at(name)), name);
  chmodSync(at('open/closed'), 0o750);
  for (const name of ['open/closed', 'open/closed/file', 'open/closed/inner/file', 'open/link'])
    assert.ok(!isPublic(at(name)), name);
  chmodSync(at('open/file'), 0o640);
  assert.ok(!isPublic(at('open/file')));
  assert.ok(!isPublic(at('absent')));
});
