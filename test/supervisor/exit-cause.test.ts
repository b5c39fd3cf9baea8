import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exitCause, limitThatEnded } from '../../sandbox/supervisor/plugin-runs.js';
import { limitsOf } from '../../shared/config/limit-forms.js';

const XCPU = { kind: 'killed', signal: 24 } as const;
const XFSZ = { kind: 'killed', signal: 25 } as const;
const limits = limitsOf({ cpu_seconds: 1, file_mib: 1 });

test('exitCause() recognises a limit by its signal, and only where the limit is set', () => {
  assert.equal(exitCause(XCPU, limits), 'limit');
  assert.equal(exitCause(XFSZ, limits), 'limit');
  assert.equal(limitThatEnded(XCPU, limits), 'cpu_seconds');
  assert.equal(limitThatEnded(XFSZ, limits), 'file_mib');
  assert.equal(exitCause(XCPU, limitsOf({ file_mib: 1 })), 'signal');
  assert.equal(exitCause(XFSZ, limitsOf({ cpu_seconds: 1 })), 'signal');
});

test("exitCause() tells a control group's out-of-memory kill from any other SIGKILL", () => {
  const killed = { kind: 'killed', signal: 9 } as const;
  assert.equal(exitCause(killed, limits, { outOfMemory: true }), 'oom');
  assert.equal(limitThatEnded(killed, limits, true), 'total_memory_mib');
  assert.equal(exitCause({ kind: 'exited', status: 3 }, limits, { outOfMemory: true }), 'error');
  assert.equal(exitCause(killed, limits, { outOfMemory: true, stopped: true }), 'operator');
});

test('exitCause() tells apart ends by status, by signal and by the operator', () => {
  assert.equal(exitCause({ kind: 'exited', status: 0 }, limits), 'exit');
  assert.equal(exitCause({ kind: 'exited', status: 3 }, limits), 'error');
  assert.equal(exitCause({ kind: 'killed', signal: 9 }, limits), 'signal');
  assert.equal(exitCause(XCPU, limits, { stopped: true }), 'operator');
});
