// proves: G9
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WaitsForProcessor } from '../../../broker/stall/waits-for-processor.js';
import { until } from '../../harness/until.js';

const LOOKS = 20;
const INTERVAL_MS = 20;

/** The largest part of the time that a look found it waiting for. */
async function waits({ pid }: ChildProcess): Promise<number> {
  const process = new WaitsForProcessor();
  process.share(pid ?? 0);
  let most = 0;
  for (let left = LOOKS; left > 0; left -= 1) {
    await pause(INTERVAL_MS);
    most = Math.max(most, process.share(pid ?? 0));
  }
  return most;
}

test('WaitsForProcessor sees that programs wait which share a processor, and that one asleep does not', async () => {
  const busy = Array.from({ length: 6 }, () =>
    // They wait for each other, and not much for them.
    spawn('nice', ['-n', '19', 'taskset', '-c', '0', 'sh', '-c', 'while :; do :; done']),
  );
  const asleep = spawn('sleep', ['60']);
  try {
    const [first] = busy;
    assert.ok(first);
    // On a busy machine they begin late, and the other one comes late to its sleep.
    await until(async () => (await waits(first)) > 0.5 || undefined);
    await until(async () => (await waits(asleep)) === 0 || undefined);
  } finally {
    for (const child of [...busy, asleep]) child.kill('SIGKILL');
  }
});

test('WaitsForProcessor finds nothing of a process that has ended', async () => {
  const ended = spawn('true');
  await new Promise((resolve) => ended.once('exit', resolve));
  assert.equal(new WaitsForProcessor().share(ended.pid ?? 0), 0);
});
