import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { listen } from './listener.js';

test('all connections are counted, also one that came while this process was busy', async (t) => {
  const listener = await listen();
  t.after(listener.close);
  // This process waits for the client, and so accepts nothing meanwhile.
  const client = `require('node:net').connect(${listener.port}, '127.0.0.1', () => process.exit(0))`;
  assert.equal(spawnSync(process.execPath, ['-e', client]).status, 0);
  assert.equal(listener.connections(), 0);
  assert.equal(await listener.allConnections(), 1);
});
