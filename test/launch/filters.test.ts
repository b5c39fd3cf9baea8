// proves: G10
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argumentDenials } from '../../sandbox/launch/filter/argument-denials.js';
import { conditionalCalls } from '../../sandbox/launch/filter/conditional-calls.js';
import { ordinaryCalls } from '../../sandbox/launch/filter/ordinary-calls.js';
import { refusedCalls } from '../../sandbox/launch/filter/refused-calls.js';
import { filters } from '../../sandbox/launch/filters.js';
import { CALL_FORMS, callsBy } from '../../shared/config/call-forms.js';
import { WHOLLY_TRAPPED } from '../../shared/trap-calls.js';

const named = (
  groups: readonly { readonly rules: readonly { readonly calls: readonly string[] }[] }[],
): string[] => groups.flatMap(({ rules }) => rules.flatMap(({ calls }) => calls));

test('no call is both ordinary and refused, or both ordinary and judged by its arguments', () => {
  const ordinary = ordinaryCalls.flatMap(({ calls }) => calls);
  assert.equal(new Set(ordinary).size, ordinary.length, 'a call stands twice');
  for (const call of [...named(refusedCalls), ...named(conditionalCalls)])
    assert.ok(!ordinary.includes(call), call);
});

test('with the trap, the calls that it reports are not refused, and no others', () => {
  const open = (filter: (typeof all)[number]): readonly string[] => filter?.rules[0]?.calls ?? [];
  const all = [filters({ egress: 'transparent' })[0], filters({ egress: 'channel' })[0]];
  const [reported = [], refused = []] = all.map(open);
  assert.deepEqual(reported.filter((call) => !refused.includes(call)).sort(), [...WHOLLY_TRAPPED].sort());
  assert.deepEqual(
    refused.filter((call) => !reported.includes(call)),
    [],
  );
});

const formsOf = (calls: readonly string[]): Set<string | undefined> =>
  new Set(calls.map((call) => CALL_FORMS.get(call)?.by ?? call));

test('a call that plugins do not have has a form that says whether it may be added; an ordinary call has no form', () => {
  assert.deepEqual([...formsOf(named(refusedCalls))].sort(), ['allow', 'never', 'unsafe_allow']);
  const judged = [...named(conditionalCalls), ...named(argumentDenials), ...WHOLLY_TRAPPED];
  assert.deepEqual([...formsOf(judged)], ['never']);
  const addable = new Set([...callsBy('allow'), ...callsBy('unsafe_allow')]);
  for (const call of ordinaryCalls.flatMap(({ calls }) => calls)) assert.ok(!addable.has(call), call);
});

test('an added call is allowed, and no other', () => {
  const [before, knownBefore, deniedBefore] = filters({ egress: 'transparent' });
  const [allowed, known, denied] = filters({ egress: 'transparent', added: ['kcmp', 'lsm_list_modules'] });
  const calls = (filter: typeof allowed): string[] => named(filter === undefined ? [] : [filter]);
  const added = (more: typeof allowed, fewer: typeof allowed): string[] =>
    calls(more).filter((call) => !calls(fewer).includes(call));
  assert.deepEqual(added(allowed, before), ['kcmp', 'lsm_list_modules']);
  assert.deepEqual(added(known, knownBefore), ['lsm_list_modules']);
  assert.deepEqual(added(deniedBefore, denied), ['kcmp']);
  assert.deepEqual(added(denied, deniedBefore), []);
});
