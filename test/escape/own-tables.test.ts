// A trapped call names a descriptor of its thread. Some kernels find descriptors only by process. There a thread with its own table gets
// an error, and never the descriptor that its process has at that number.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { openThreadPidfd } from '../../shared/sys/pidfd.js';
import { listen } from '../harness/listener.js';
import { postern } from '../harness/postern.js';
import { users } from '../harness/users.js';
import { mutantDist } from '../mutation/mutant-dist.js';

const program = readFileSync(new URL('own-tables.py', import.meta.url), 'utf8');
const [user = 'user'] = users;
const host = await listen();
after(() => host.close());

/** Linux 6.9 and later. */
function tellsThreads(): boolean {
  const handle = openThreadPidfd(process.pid);
  if (typeof handle === 'number') return false;
  handle.close();
  return true;
}

async function run(dist?: string): Promise<string> {
  const words = ['run', '--allow', `127.0.0.1:${host.port}`, '--', '/usr/bin/python3', '-c', program];
  const { stdout, stderr } = await postern([...words, String(host.port)], {
    as: user,
    ...(dist === undefined ? {} : { dist }),
  });
  assert.notEqual(stdout, '', stderr);
  return stdout;
}

const BY_PROCESS = 'thread ESRCH False\nleader False\n';

// proves: a descriptor is the calling thread's, whatever its process has there
test("a thread with its own descriptor table connects its own socket, and not its process's", async () => {
  assert.equal(await run(), tellsThreads() ? 'thread ok True\nleader False\n' : BY_PROCESS);
});

// proves: trap: before PIDFD_THREAD, a thread with a descriptor table of its own is an error
test('where the kernel finds descriptors only by process, such a thread gets an error', async () => {
  assert.equal(await run(mutantDist('PIDFD_THREAD')), BY_PROCESS);
});
