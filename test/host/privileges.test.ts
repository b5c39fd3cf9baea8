import assert from 'node:assert/strict';
import { test } from 'node:test';
import { privilegesOf } from '../../sandbox/host/privileges.js';

const status = (...capabilities: number[]): string =>
  `Name:\tnode\nCapEff:\t${capabilities
    .reduce((set, one) => set | (1n << BigInt(one)), 0n)
    .toString(16)
    .padStart(16, '0')}\n`;

test('privilegesOf() goes by capabilities, not by uid 0', () => {
  assert.equal(
    privilegesOf(0, status(5, 6, 7, 21), () => true),
    'root',
  );
  assert.equal(
    privilegesOf(0, status(5, 6, 7), () => true),
    'confined-root',
  );
  assert.equal(
    privilegesOf(0, status(5, 6, 7, 21), () => false),
    'confined-root',
  );
  assert.equal(
    privilegesOf(1000, status(), () => false),
    'user',
  );
  assert.equal(
    privilegesOf(1000, status(5, 6, 7, 21), () => true),
    'user',
  );
});

// proves: supervisor: a root that may not end a sandbox starts none
test('privilegesOf() refuses a root that cannot give plugins their ids, or not end them', () => {
  for (const capabilities of [[], [5, 6], [5, 7], [21], [6, 7, 21]])
    assert.throws(() => privilegesOf(0, status(...capabilities), () => true), {
      code: 'missing_capabilities',
    });
});
