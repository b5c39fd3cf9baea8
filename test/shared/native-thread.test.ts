import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ENDS = fileURLToPath(new URL('ends-with-thread.js', import.meta.url));

for (const way of ['leaves', 'exits', 'terminates']) {
  // proves: a process that ends waits for its threads that load
  // proves: a thread that loads is not ended before it has loaded
  test(`a process that ${way} while a thread of it loads waits for it, and keeps its exit status`, () => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [ENDS, way], { encoding: 'utf8' });
    assert.deepEqual(
      { status, signal, stdout, stderr },
      { status: 7, signal: null, stdout: 'loaded\n', stderr: '' },
    );
  });
}
