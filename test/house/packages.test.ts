// Continuous integration skips no test for a missing package.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NEEDS } from '../run/needs.js';

test('.ci/run installs every package that a test file needs', () => {
  const text = readFileSync(new URL('../../../.ci/run', import.meta.url), 'utf8');
  const installed = /^needed=\(([^)]*)\)$/m.exec(text)?.[1]?.split(/\s+/) ?? [];
  const packages = NEEDS.filter(({ fix }) => fix === undefined).map(({ name }) => name);
  assert.deepEqual(
    packages.filter((name) => !installed.includes(name)),
    [],
  );
});
