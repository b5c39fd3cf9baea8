import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubordinateIds } from '../../sandbox/host/id-range.js';

test('parseSubordinateIds() finds the entry for postern and no other', () => {
  assert.deepEqual(parseSubordinateIds('root:1:2\npostern:200000:131072\n'), {
    base: 200_000,
    count: 131_072,
  });
  assert.equal(parseSubordinateIds('posternx:200000:131072\npostern:x:1\n'), undefined);
});
