import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { LIMIT_FORMS } from '../../shared/config/limit-forms.js';
import { AUDIT_EVENTS } from '../../shared/protocol/audit-events.js';
import { LINK_VERSION } from '../../shared/protocol/link.js';
import * as words from '../../shared/words.js';

const LINK = new URL('../../../shared/protocol/link.ts', import.meta.url);
/** Of the forms of the link, by version. Where a form changes after a release, LINK_VERSION grows by 1, and gets its line. */
const FORMS: Readonly<Record<number, string>> = { 1: '274ed71722208afd' };

test('a changed link has a new version, so that no supervisor uses a broker of another one', () => {
  const link = readFileSync(LINK, 'utf8')
    .replace(/\/\*\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    .replace(/\s+/g, ' ');
  // Broker and supervisor have these tables each in its own version.
  const forms = JSON.stringify(
    [link, words, Object.keys(LIMIT_FORMS), AUDIT_EVENTS],
    (key, value: unknown) => (key === 'what' ? undefined : value),
  );
  assert.equal(createHash('sha256').update(forms).digest('hex').slice(0, 16), FORMS[LINK_VERSION]);
});
