import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupOf } from '../../../sandbox/supervisor/owners/map-owners.js';

const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nweb:x:1234:1200::/srv/web:/bin/sh\n',
  group: 'root:x:0:\nstaff:x:50:other,web\nadm:x:4:other\n',
};

test('groupOf() keeps the group of a folder where its owner is a member, and root is a member of all', () => {
  assert.equal(groupOf(1234, 50, accounts), 50);
  assert.equal(groupOf(1234, 1200, accounts), 1200);
  assert.equal(groupOf(0, 50, accounts), 50);
});

test("groupOf() takes the owner's primary group where the owner is not in the folder's", () => {
  assert.equal(groupOf(1234, 0, accounts), 1200);
  assert.equal(groupOf(1234, 4, accounts), 1200);
});

test('groupOf() gives an owner without a name only the group of the same number', () => {
  assert.equal(groupOf(7, 7, accounts), 7);
  assert.equal(groupOf(7, 0, accounts), undefined);
});
