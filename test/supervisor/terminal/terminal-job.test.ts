// proves: a Ctrl-Z while the plugin starts stops it too
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinJob } from '../../../sandbox/supervisor/terminal/terminal-job.js';
import type { TerminalRelay } from '../../../sandbox/supervisor/terminal/terminal-relay.js';

test('Ctrl-Z while a plugin starts in a pipeline stops it when it runs, and not postern alone before', async () => {
  const passedOn: number[] = [];
  const relay = {
    isAlone: false,
    signal: (signal: number) => passedOn.push(signal) > 0,
    whenStopKey: () => {},
    whenTaken: () => {},
  } as unknown as TerminalRelay;
  const job = joinJob(relay);
  try {
    process.kill(process.pid, 'SIGTSTP');
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(passedOn, [], 'there is no plugin yet');
    job.deliver({ pid: process.pid, takeStop: () => undefined });
    assert.deepEqual(passedOn, [20], 'SIGTSTP');
  } finally {
    job.release();
  }
});
