import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { onChildChange } from '../../../sandbox/supervisor/start/on-child-change.js';
import { until } from '../../harness/until.js';

test('onChildChange() serves many callers with one listener, each until it ends', async () => {
  const before = process.listenerCount('SIGCHLD');
  const calls = new Array<number>(20).fill(0);
  const ends = calls.map((_, index) =>
    onChildChange(() => {
      calls[index] = (calls[index] ?? 0) + 1;
    }),
  );
  assert.equal(process.listenerCount('SIGCHLD'), before + 1);
  ends[0]?.();
  spawn('true');
  await until(() => calls.slice(1).every((count) => count > 0) || undefined);
  assert.equal(calls[0], 0);
  for (const end of ends) end();
  assert.equal(process.listenerCount('SIGCHLD'), before);
});
