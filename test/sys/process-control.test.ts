import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ownThreadIds } from '../../shared/sys/process-control.js';

const listed = (): readonly number[] => readdirSync('/proc/self/task').map(Number).sort();

test('ownThreadIds() are those of /proc/self/task, also where other processes have numbers between them', async (t) => {
  assert.deepEqual([...ownThreadIds()].sort(), listed());
  for (let other = 0; other < 20; other += 1) spawnSync('true');
  const worker = new Worker('setInterval(() => {}, 1_000)', { eval: true });
  t.after(() => worker.terminate());
  await once(worker, 'online');
  const ids = [...ownThreadIds()].sort();
  assert.deepEqual(ids, listed());
  assert.ok(Math.max(...ids) - process.pid > ids.length);
  // They are too far away to be found one by one.
  assert.deepEqual([...ownThreadIds(0)].sort(), listed());
});
