import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { readableFolder } from '../harness/users.js';
import { container, testByOptions } from './by-options.js';
import { image } from './image.js';
import { noContainers, run } from './podman.js';

let name = '';
before(
  async () => {
    if (noContainers === false) name = await image();
  },
  { timeout: 240_000 * PATIENCE },
);

testByOptions('root', ['--user', '0:0'], () => name);
testByOptions('a user', ['--user', '1000:1000'], () => name);
testByOptions(
  'root of a user namespace',
  ['--user', '0:0', '--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536'],
  () => name,
);

test('doctor prints the options on a line for programs, and passes without a filter too', {
  skip: noContainers,
}, async () => {
  const { stdout } = await container(name, [], ['doctor']);
  const line = /^container options: (.+)\n.*\n$/m.exec(stdout)?.[1];
  assert.equal(line, '--security-opt seccomp=postern-seccomp.json --security-opt unmask=ALL', stdout);
  const words = line.replace('postern-seccomp.json', 'unconfined').split(' ');
  for (const user of ['0:0', '1000:1000']) {
    const unfiltered = await container(name, ['--user', user, ...words], ['doctor']);
    assert.equal(unfiltered.status, 0, unfiltered.stdout + unfiltered.stderr);
  }
});

// Swarm has no option for what is mounted over /proc.
test('a /proc of no process, mounted anywhere, is enough where that of the container is masked', {
  skip: noContainers,
}, async () => {
  const proc = readableFolder();
  const inContainer = (...options: readonly string[]): ReturnType<typeof run> => {
    const mounted = 'unshare --pid --fork mount -t proc proc "$1" && shift && exec "$@"';
    const podman = ['podman', 'run', '--rm', '--security-opt', 'seccomp=unconfined', ...options];
    return run(['sh', '-c', mounted, 'sh', proc, ...podman, name, 'run', '--', 'echo', 'it runs']);
  };
  const without = await inContainer();
  assert.deepEqual([without.status, without.stdout], [125, '']);
  const { stdout, stderr } = await inContainer('--volume', `${proc}:/run/proc`);
  assert.equal(stdout, 'it runs\n', stderr);
});
