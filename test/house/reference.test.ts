import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { referencePages } from '../../deploy/reference/pages.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));

for (const [path, text] of referencePages(top)) {
  test(`${path} says what the code says`, () => {
    const file = join(top, path);
    const written = existsSync(file) ? readFileSync(file, 'utf8') : '';
    assert.ok(written === text, `${path} and the code differ: run npm run reference`);
  });
}
