import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ERROR_CODES, type ErrorForm } from '../../shared/errors.js';

const top = fileURLToPath(new URL('../../..', import.meta.url));
const TABLE = 'shared/errors.ts';

const sources = ['broker', 'sandbox', 'shared']
  .flatMap((room) =>
    readdirSync(join(top, room), { recursive: true, encoding: 'utf8' }).map((path) => join(room, path)),
  )
  .filter((path) => path.endsWith('.ts') && path !== TABLE)
  .map((path) => readFileSync(join(top, path), 'utf8'));

test('every code of the table is used by an error', () => {
  assert.ok(sources.length > 200);
  const unused = Object.keys(ERROR_CODES).filter(
    (code) => !sources.some((text) => new RegExp(`(?:PosternError|super)\\(\\s*'${code}',`).test(text)),
  );
  assert.deepEqual(unused, []);
});

test('every code of the table has a meaning, a fix and an exit status', () => {
  for (const [code, { what, fix, status }] of Object.entries<ErrorForm>(ERROR_CODES)) {
    for (const sentence of [what, fix]) assert.match(sentence, /^(?:[A-Z].*|`.*|postern .*)\.$/, code);
    assert.ok([2, 125, 126, 127].includes(status), code);
  }
});
