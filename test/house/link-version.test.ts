import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LINK_VERSION } from '../../shared/protocol/link.js';

const LINK = new URL('../../../shared/protocol/link.ts', import.meta.url);
/** Of the forms of the link, by version. Where a form changes after a release, LINK_VERSION grows by 1, and gets its line. */
const FORMS: Readonly<Record<number, string>> = { 1: 'e1e8fdb45ee975bd' };

test('a changed link has a new version, so that no supervisor uses a broker of another one', () => {
  const forms = readFileSync(LINK, 'utf8')
    .replace(/\/\*\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replace(/\s+/g, ' ');
  assert.equal(createHash('sha256').update(forms).digest('hex').slice(0, 16), FORMS[LINK_VERSION]);
});
