// The test reads what a broker holds in proc(5), which shows it to root alone.
// needs: root, namespaces
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { listen } from '../harness/listener.js';
import { linksOf } from '../harness/processes.js';
import { readableFolder, users } from '../harness/users.js';
import { startBroker } from './start-broker.js';
import { openSocket, readUntilEnd } from './use-socket.js';

const RING_MAKER = new URL('ring-maker.js', import.meta.url).href;
const ids = { root: { uid: 64_321, gid: 64_321 }, user: undefined };

for (const user of users) {
  // proves: a Node with an io_uring starts again without one
  test(`a broker whose Node makes an io_uring starts again without one, and serves (${user})`, async () => {
    const folder = readableFolder();
    const words = join(folder, 'words');
    const stderr = openSync(words, 'w');
    const server = await listen((socket) => socket.end('hello'));
    try {
      const becomeIds = ids[user];
      const broker = await startBroker(becomeIds === undefined ? {} : { becomeIds }, {
        options: ['--import', RING_MAKER],
        stderr,
      });
      assert.deepEqual(
        broker.lines.filter(({ type }) => type === 'failed'),
        [],
      );
      assert.equal(readFileSync(words, 'utf8'), 'ring made\nring ENOSYS\n');
      const held = linksOf(broker.pid);
      assert.ok(held.length > 5);
      assert.deepEqual(
        held.filter((what) => what.includes('io_uring')),
        [],
      );
      await broker.plugin('p', { allow: [`127.0.0.1:${server.port}`] });
      const channel = await broker.channel('p');
      const { descriptor } = await channel.connect('127.0.0.1', server.port);
      assert.equal(await readUntilEnd(openSocket(descriptor)), 'hello');
      assert.equal(await broker.stop(), 0);
    } finally {
      closeSync(stderr);
      await server.close();
      rmSync(folder, { recursive: true });
    }
  });
}

// proves: with an io_uring nothing is served
test('a process with a ring enters no sandbox', () => {
  const module = new URL('../../broker/sandbox/enter-sandbox.js', import.meta.url).href;
  const code = `import { enterBrokerSandbox } from ${JSON.stringify(module)}; enterBrokerSandbox(); console.log('entered');`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', RING_MAKER, '--input-type=module', '-e', code],
    { encoding: 'utf8' },
  );
  assert.match(stderr, /^ring made$/m);
  assert.match(stderr, /Cannot confine the broker: its event loop has an io_uring/);
  assert.equal(stdout, '');
});
