import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PATIENCE } from '../harness/patience.js';
import { container, testByOptions } from './by-options.js';
import { image } from './image.js';
import { noContainers } from './podman.js';

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
