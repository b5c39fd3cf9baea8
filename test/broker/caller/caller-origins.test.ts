import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { CallerOrigins } from '../../../broker/caller/caller-processes.js';

test('an origin has the name of the process, or of the program if Node has renamed its thread', (t) => {
  const title = process.title;
  t.after(() => {
    process.title = title;
  });
  for (const [name, program] of [
    ['my-program', 'my-program'],
    ['MainThread', basename(process.execPath)],
    ['node-MainThread', basename(process.execPath)],
  ] as const) {
    process.title = name;
    assert.deepEqual(new CallerOrigins().of(process.pid), { door: 'trap', pid: process.pid, program });
  }
});
