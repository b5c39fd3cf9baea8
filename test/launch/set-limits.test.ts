import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedDescriptors } from '../../sandbox/launch/launch-steps.js';
import { LIMIT_FORMS } from '../../shared/config/limit-forms.js';
import { BROKER_DESCRIPTORS } from '../../shared/limits.js';

test('beyond the default, a plugin has half of the descriptors of its broker at most', () => {
  const cases: readonly (readonly [wanted: bigint, hard: bigint, has: bigint])[] = [
    [64n, 16_384n, 64n],
    [1_024n, 1_100n, 1_024n],
    [8_192n, 16_384n, 8_192n],
    [8_192n, 4_000n, 2_000n],
    [8_192n, 1_500n, 1_024n],
  ];
  for (const [wanted, hard, has] of cases) assert.equal(boundedDescriptors(wanted, hard), has);
  assert.equal(LIMIT_FORMS.descriptors.max, BROKER_DESCRIPTORS / 2);
});
