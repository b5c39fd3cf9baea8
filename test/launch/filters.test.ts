import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionalCalls } from '../../sandbox/launch/filter/conditional-calls.js';
import { ordinaryCalls } from '../../sandbox/launch/filter/ordinary-calls.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { filters } from '../../sandbox/launch/filters.js';

const named = (
  groups: readonly { readonly rules: readonly { readonly calls: readonly string[] }[] }[],
): string[] => groups.flatMap(({ rules }) => rules.flatMap(({ calls }) => calls));

test('no call is both ordinary and refused, or both ordinary and judged by its arguments', () => {
  const ordinary = ordinaryCalls.flatMap(({ calls }) => calls);
  assert.equal(new Set(ordinary).size, ordinary.length, 'a call stands twice');
  for (const call of [...named(refusedCalls), ...named(conditionalCalls)])
    assert.ok(!ordinary.includes(call), call);
});

test('a group that is left out opens its own calls and no others', () => {
  const [allowed] = filters(new Set(['seccomp.connect']), 'channel');
  const open = allowed?.rules[0]?.calls ?? [];
  assert.ok(open.includes('connect'));
  assert.ok(!open.includes('bind') && !open.includes('setsockopt'));
  const [kept] = filters(new Set(), 'channel');
  assert.ok(!(kept?.rules[0]?.calls ?? []).includes('connect'));
});
