import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { runVectors } from '../../shared/policy/run-vectors.js';

const vectors: unknown = JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8'));

// proves: sockets: a deny rule wins
test('every written-down decision is the one that is made', () => {
  const run = runVectors(vectors);
  assert.ok(run.ok);
  assert.ok(run.results.length >= 194);
  assert.deepEqual(
    run.results.filter((result) => !result.passed),
    [],
  );
});

const plain = {
  rules: { allow: ['example.com'], deny: [] },
  request: { host: 'example.com', port: 443 },
  resolved: ['10.0.0.1', '93.184.216.34'],
  expect: 'allow',
};

function passes(changes: object): boolean {
  const run = runVectors([{ ...plain, ...changes }]);
  assert.ok(run.ok);
  return run.results.every((result) => result.passed);
}

test('a vector passes where decision, reason and dialled addresses are those expected', () => {
  assert.ok(passes({}));
  assert.ok(passes({ reason: 'rule', dials: ['93.184.216.34'] }));
});

test('a vector fails where any of the three is another', () => {
  assert.ok(!passes({ expect: 'deny' }));
  assert.ok(!passes({ reason: 'no_rule' }));
  assert.ok(!passes({ dials: ['10.0.0.1', '93.184.216.34'] }));
  assert.ok(!passes({ dials: [] }));
});

test('a vector with INVALID-RULE passes where its rules are refused, and fails where they are taken', () => {
  const why = 'INVALID-RULE: a wildcard over a public suffix';
  assert.ok(passes({ why, rules: { allow: ['*.com'], deny: [] }, expect: 'deny' }));
  assert.ok(!passes({ why, rules: { allow: ['*.example.com'], deny: [] }, expect: 'deny' }));
});

test('what is not an array of vectors is named by its place', () => {
  const problems: [unknown, RegExp][] = [
    [{}, /array/],
    [null, /array/],
    [[{ ...plain, expect: 'maybe' }], /0\.expect/],
    [[plain, { ...plain, extra: 1 }], /at "1".*extra/],
    [[{ ...plain, request: { host: 'example.com' } }], /0\.request\.port/],
    [[{ ...plain, rules: { allow: 'example.com', deny: [] } }], /0\.rules\.allow/],
    [[{ ...plain, resolved: ['example.com'] }], /0\.resolved\.0.*is not an address/],
    [[{ ...plain, reason: 'because' }], /0\.reason/],
  ];
  for (const [value, problem] of problems) {
    const run = runVectors(value);
    assert.ok(!run.ok);
    assert.match(run.problem, problem);
  }
});
