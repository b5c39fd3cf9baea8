import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCall } from '../../shared/sys/waiting-thread.js';

const LINE = '16 0x3 0x8933 0x7ffd1f0a2b30 0x0 0x0 0xffffffffffffffff 0x7ffd1f0a2a00 0x7f1c2d3e4f50\n';

test('readCall() reads the number of a call and its six arguments', () => {
  assert.deepEqual(readCall(LINE), {
    number: 16,
    arguments: [3n, 0x8933n, 0x7ffd1f0a2b30n, 0n, 0n, 0xffffffffffffffffn],
  });
});

test('readCall() tells a thread that runs', () => {
  assert.equal(readCall('running\n'), 'running');
});

test('readCall() reads nothing of a thread that is in no call', () => {
  for (const line of ['-1 0x7ffd1f0a2a00 0x7f1c2d3e4f50\n', '', LINE.slice(0, -1), LINE.replace('16', 'x')])
    assert.equal(readCall(line), undefined, line);
});
