// npm run prove is not part of every test run. Its quotes of source lines, and those of the builds without a protection, are checked here, so that
// they stay true.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mutationsWithout, PROTECTIONS } from '../harness/without.js';
import { initTold } from '../prove/end-left-overs.js';
import type { Protection } from '../prove/protection.js';
import { protections } from '../prove/protections.js';

const dist = new URL('../../', import.meta.url);

test('every protection that npm run prove leaves out stands once where it says, and its tests are there', () => {
  assert.ok(protections.length > 100);
  const marker: Protection = { name: 'what a build is told by', tests: [], pattern: '', ...initTold('/') };
  for (const { name, file, extension = '.js', right, tests } of [...protections, marker]) {
    const source = readFileSync(new URL(`${file}${extension}`, dist), 'utf8');
    assert.equal(source.split(right).length - 1, 1, `${name}: ${file} has not once: ${right}`);
    for (const one of tests) assert.ok(existsSync(new URL(`test/${one}.test.js`, dist)), `${name}: ${one}`);
  }
  const names = protections.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length, 'a name stands twice');
});

test('what a build leaves out for a hostile program stands once where it says', () => {
  for (const name of [...Object.keys(PROTECTIONS), 'seccomp.a_group'])
    for (const { file, right } of mutationsWithout([name])) {
      const source = readFileSync(new URL(`${file}.js`, dist), 'utf8');
      assert.equal(source.split(right).length - 1, 1, `${name}: ${file} has not once: ${right}`);
    }
});
