import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { until } from '../../harness/until.js';
import { readableFolder } from '../../harness/users.js';

// proves: what a broker leaves unread is closed on a thread of its own
// proves: no connection of a broker lingers when it is closed
test('connections of a broker that linger hold up neither the supervisor nor what the broker sends next', async (t) => {
  const { pathname } = new URL('takes-lingering.js', import.meta.url);
  const child = spawn(process.execPath, [pathname], {
    cwd: readableFolder(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (text: Buffer) => {
    said += text.toString();
  });
  await until(() => child.exitCode ?? undefined);
  assert.deepEqual([said, child.exitCode], ['ended unread\ntaken\nlast\nended\n', 0]);
});
