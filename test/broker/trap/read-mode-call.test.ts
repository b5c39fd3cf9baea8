import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readModeCall } from '../../../broker/trap/change-mode.js';
import type { Notification } from '../../../shared/sys/seccomp-notify.js';
import type { ModeCall } from '../../../shared/trap-calls.js';

const MODE = 0o2755;
const PATH = 0x7000n;
const AT_FDCWD = -100;

function read(call: ModeCall, given: Partial<Notification>): ReturnType<typeof readModeCall> {
  const option = { address: 0n, length: 0 };
  return readModeCall(call, {
    id: 1n,
    tid: 1,
    call: 0,
    ints: [0, 0, 0],
    first: 0n,
    address: 0n,
    third: 0n,
    option,
    ...given,
  });
}
const flags = (value: bigint): Notification['option'] => ({ address: value, length: 0 });

test('readModeCall() finds mode, path and descriptor where each call has them', () => {
  const plain = { mode: MODE, keepsLink: false, mayBeEmpty: false };
  assert.deepEqual(read('chmod', { first: PATH, ints: [0, MODE, 0] }), {
    ...plain,
    descriptor: undefined,
    path: PATH,
  });
  assert.deepEqual(read('fchmod', { ints: [5, MODE, 0] }), { ...plain, descriptor: 5, path: undefined });
  const at = { address: PATH, ints: [5, 0, MODE] } as const;
  // fchmodat(2) has no flags: what lies there is not read.
  assert.deepEqual(read('fchmodat', { ...at, option: flags(0x1100n) }), {
    ...plain,
    descriptor: 5,
    path: PATH,
  });
  assert.deepEqual(read('fchmodat', { ...at, ints: [AT_FDCWD, 0, MODE] }), {
    ...plain,
    descriptor: undefined,
    path: PATH,
  });
  assert.deepEqual(read('fchmodat2', { ...at, option: flags(0x3_0000_1100n) }), {
    mode: MODE,
    keepsLink: true,
    mayBeEmpty: true,
    descriptor: 5,
    path: PATH,
  });
});

test('readModeCall() refuses the set-uid bit, unknown flags and descriptors that nobody has', () => {
  assert.equal(read('chmod', { first: PATH, ints: [0, 0o6755, 0] }), -1);
  assert.equal(read('fchmodat', { address: PATH, ints: [5, 0, 0o4755] }), -1);
  assert.equal(read('fchmod', { ints: [-1, MODE, 0] }), -9);
  assert.equal(read('fchmodat2', { address: PATH, ints: [5, 0, MODE], option: flags(4n) }), -22);
});
