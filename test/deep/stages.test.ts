import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programOf } from './run-slice.js';
import { STAGES } from './stages.js';

const TOP = fileURLToPath(new URL('../../..', import.meta.url));

test('each slice of a stage starts a program that is there', () => {
  for (const { name, slices } of STAGES)
    for (const [first = '', ...words] of slices) {
      const program = programOf(first);
      const folders = program.includes('/') ? [''] : (process.env['PATH'] ?? '').split(delimiter);
      assert.ok(
        folders.some((folder) => existsSync(join(folder, program))),
        `${name}: ${first}`,
      );
      for (const word of words.filter((one) => one.startsWith('dist/')))
        assert.ok(existsSync(join(TOP, word)), `${name}: ${word}`);
    }
});
