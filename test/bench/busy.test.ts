import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { whatIsBusy } from './busy.js';

test('a program that runs all the time makes the machine busy, and what uses the processors is named', async (t) => {
  const busy = spawn('/bin/sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  t.after(() => busy.kill('SIGKILL'));
  assert.match((await whatIsBusy(1_000)) ?? '', /^\d+ % of a processor is in use: \d+ % \d+ /);
});
