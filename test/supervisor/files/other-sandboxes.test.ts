import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configuredIds } from '../../../sandbox/host/id-range.js';
import { INIT_NAME } from '../../../sandbox/launch/spec.js';
import { otherSandboxes } from '../../../sandbox/supervisor/files/other-sandboxes.js';
import { until } from '../../harness/until.js';

// proves: a process that is no pid 1 passes for no sandbox, and is not asked for its arguments
test('otherSandboxes() leaves out what only calls itself a sandbox, as each program of a plugin can', async (t) => {
  const ids = process.geteuid?.() === 0 ? { uid: configuredIds().base, gid: configuredIds().base } : {};
  const child = spawn('/bin/sleep', ['600'], { argv0: INIT_NAME, stdio: 'ignore', ...ids });
  t.after(() => child.kill('SIGKILL'));
  await until(() => readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').startsWith(INIT_NAME) || undefined);
  assert.deepEqual(
    otherSandboxes().filter(({ pid }) => pid === child.pid),
    [],
  );
});
