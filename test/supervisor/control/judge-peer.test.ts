import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusePeer } from '../../../sandbox/supervisor/control/control-server.js';

const own = { uid: 1000, isOwn: (pid: number): boolean => pid === 7 };

test('refusePeer() lets the user who started postern ask, and root', () => {
  for (const uid of [0, 1000]) assert.equal(refusePeer({ pid: 8, uid }, own), undefined);
  assert.equal(refusePeer({ pid: 0, uid: 0 }, own), undefined);
});

// proves: control: another user commands nothing
test('refusePeer() refuses every other user, also where root started postern', () => {
  for (const uid of [1001, 65_534, 4_294_967_295])
    assert.match(refusePeer({ pid: 8, uid }, own) ?? '', /Only uid 1000/);
  assert.match(refusePeer({ pid: 8, uid: 1000 }, { ...own, uid: 0 }) ?? '', /Only uid 0/);
});

// proves: control: a broker commands nothing
test('refusePeer() refuses a process of postern, whatever its uid', () => {
  for (const uid of [0, 1000]) assert.match(refusePeer({ pid: 7, uid }, own) ?? '', /pid 7/);
});
