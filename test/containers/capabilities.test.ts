import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { container, testByOptions } from './by-options.js';
import { image } from './image.js';
import { noContainers } from './podman.js';

const ADMIN = ['--user', '0:0', '--cap-add', 'SYS_ADMIN'];

let name = '';
before(
  async () => {
    if (noContainers === false) name = await image();
  },
  { timeout: 240_000 * PATIENCE },
);

testByOptions('root with SYS_ADMIN', ADMIN, () => name);
testByOptions('root with SYS_ADMIN and SYS_PTRACE', [...ADMIN, '--cap-add', 'SYS_PTRACE'], () => name);

test('doctor passes in a privileged container, and names no options', { skip: noContainers }, async () => {
  const { status, stdout, stderr } = await container(name, ['--privileged', '--user', '0:0'], ['doctor']);
  assert.equal(status, 0, stdout + stderr);
  assert.doesNotMatch(stdout, /^missing|^container options/m);
});

test('postern in a container whose root may not change ids names the capabilities and the way without', {
  skip: noContainers,
}, async () => {
  const { status, stdout, stderr } = await container(
    name,
    ['--user', '0:0', '--cap-drop', 'ALL', '--security-opt', 'unmask=ALL'],
    ['run', '--', 'echo', 'started'],
  );
  assert.deepEqual([status, stdout], [125, '']);
  assert.match(stderr, /^postern: [^\n]*CAP_SETUID and CAP_SETGID[^\n]*--user 1000:1000[^\n]*\n$/);
});
