import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BoundedMap } from '../../shared/bounded-map.js';

test('BoundedMap.set() drops the oldest entry past the bound, and returns it', () => {
  const map = new BoundedMap<string, number>(2);
  assert.equal(map.set('a', 1), undefined);
  assert.equal(map.set('b', 2), undefined);
  assert.equal(map.set('a', 3), undefined, 'an entry that is set again is the newest');
  assert.deepEqual(map.set('c', 4), ['b', 2]);
  assert.deepEqual(
    [...map],
    [
      ['a', 3],
      ['c', 4],
    ],
  );
  assert.equal(map.get('b'), undefined);
  assert.equal(map.delete('a'), true);
  assert.equal(map.set('d', 5), undefined, 'a deleted entry leaves room');
});
