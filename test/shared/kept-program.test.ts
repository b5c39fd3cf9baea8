import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as KeptProgram from '../../shared/kept-program.js';
import type * as Library from '../../shared/policy/public-suffix-library.js';
import { copyPrograms } from '../harness/copy-programs.js';

test('a kept program needs its file no more, and runs once', async () => {
  const dist = copyPrograms();
  const { keepProgram } = (await import(
    pathToFileURL(join(dist, 'shared/kept-program.js')).href
  )) as typeof KeptProgram;
  const library = keepProgram<typeof Library>('public-suffixes');
  rmSync(join(dist, 'run/public-suffixes.cjs'));
  assert.equal(library().parse('www.example.co.uk').publicSuffix, 'co.uk');
  assert.equal(library(), library());
  assert.throws(() => keepProgram('public-suffixes'), { code: 'ENOENT' });
});
