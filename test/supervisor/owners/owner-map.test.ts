import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownerMap, parseIdExtents } from '../../../sandbox/supervisor/owners/map-owners.js';

const HOST = parseIdExtents('         0          0 4294967295\n');

test("ownerMap() gives the owner's files to the plugin and leaves every other id as it is", () => {
  assert.equal(ownerMap(HOST, 1000, 5000), '0 0 1000\n1001 1001 3999\n5001 5001 4294962294\n1000 5000 1\n');
});

test('ownerMap() leaves no extent before the first id or between neighbours', () => {
  assert.equal(ownerMap(HOST, 0, 1), '2 2 4294967293\n0 1 1\n');
});

test("ownerMap() maps each id once: files with the plugin's own id show as nobody's", () => {
  for (const [owner, plugin] of [
    [0, 0x7001_03e8],
    [0x7001_03e8, 0x7002_03e8],
    [4294967294, 7],
  ] as const) {
    const extents = (ownerMap(HOST, owner, plugin) ?? '')
      .trim()
      .split('\n')
      .map((line) => line.split(' ').map(Number) as [number, number, number]);
    const of = (id: number, side: 0 | 1): number =>
      extents.filter((extent) => id >= extent[side] && id < extent[side] + extent[2]).length;
    assert.deepEqual([of(owner, 0), of(owner, 1), of(plugin, 0), of(plugin, 1)], [1, 0, 0, 1]);
    for (const other of [1, 999, 65_534, 4294967293]) assert.deepEqual([of(other, 0), of(other, 1)], [1, 1]);
  }
});

test('ownerMap() uses only ids of this user namespace', () => {
  const some = parseIdExtents('0 100000 1000\n2000 200000 10\n');
  assert.equal(ownerMap(some, 5, 2003), '0 0 5\n6 6 994\n2000 2000 3\n2004 2004 6\n5 2003 1\n');
});

test("ownerMap() maps nothing where the owner has the plugin's id", () => {
  assert.equal(ownerMap(HOST, 7, 7), undefined);
});
