import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coveredProc } from '../../sandbox/host/container-fix.js';
import { MASKED, MOUNTS } from '../doctor/good-host.js';

test('coveredProc() finds mounts over parts of /proc, and a whole /proc elsewhere', () => {
  assert.deepEqual(coveredProc(MOUNTS), []);
  assert.deepEqual(coveredProc(MASKED), ['/proc/sys', '/proc/kcore']);
  assert.deepEqual(coveredProc(`${MASKED}50 27 0:50 / /dev/.lxc/proc rw - proc proc rw\n`), []);
});
