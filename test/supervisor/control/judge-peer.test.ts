import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refusePeer } from '../../../sandbox/supervisor/control/control-server.js';

const own = { uid: 1000, isOwn: (pid: number): boolean => pid === 7 };

test('refusePeer() lets the user who started postern ask, and root', () => {
  for (const uid of [0, 1000]) assert.equal(refusePeer({ pid: 8, uid, isNear: true }, own), undefined);
});

// proves: control: another user commands nothing
test('refusePeer() refuses every other user, also where root started postern', () => {
  for (const uid of [1001, 65_534, 4_294_967_295])
    assert.match(refusePeer({ pid: 8, uid, isNear: true }, own) ?? '', /Only uid 1000/);
  assert.match(refusePeer({ pid: 8, uid: 1000, isNear: true }, { ...own, uid: 0 }) ?? '', /Only uid 0/);
});

// proves: control: a broker commands nothing
test('refusePeer() refuses a process of postern, whatever its uid', () => {
  for (const uid of [0, 1000]) assert.match(refusePeer({ pid: 7, uid, isNear: true }, own) ?? '', /pid 7/);
});

// proves: control: no process of another pid namespace commands anything
test('refusePeer() refuses a process of another pid namespace, whatever its uid', () => {
  for (const uid of [0, 1000])
    for (const pid of [0, 8])
      assert.match(refusePeer({ pid, uid, isNear: false }, own) ?? '', /pid namespace/);
});
