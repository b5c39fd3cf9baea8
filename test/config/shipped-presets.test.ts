import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SHIPPED_PRESETS } from '../../shared/config/shipped-presets.js';
import { compilePolicy } from '../../shared/policy/compile-policy.js';

for (const [name, { what, allow, source, note }] of Object.entries(SHIPPED_PRESETS))
  test(`the preset ${name} has valid rules, none of them twice, and its source`, () => {
    assert.match(name, /^[a-z][a-z0-9-]*$/);
    assert.match(source, /^https:\/\/[a-z.-]+\//);
    assert.ok(what.length > 0 && what.length <= 64, what);
    const compiled = compilePolicy({ allow, deny: [] });
    assert.ok(compiled.ok, JSON.stringify(compiled));
    // Where anyone can make a name, the note says what that means.
    const shared = compiled.warnings.filter(({ message }) => !message.includes('anyone can register'));
    assert.deepEqual(shared, []);
    if (compiled.warnings.length > 0) assert.match(note ?? '', /anyone/);
  });
